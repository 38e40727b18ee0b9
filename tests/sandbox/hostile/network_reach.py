"""Connects to each of the addresses the test names: neighbours, the host, the metadata service."""

import concurrent.futures
import socket

from kit import attempt, given


def connect(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as connection:
        connection.settimeout(1.5)
        connection.connect((address, port))
        return connection.recv(64) or "connected"


with concurrent.futures.ThreadPoolExecutor(16) as pool:
    for name, (address, port) in given().items():
        pool.submit(attempt, name, connect, address, port)
