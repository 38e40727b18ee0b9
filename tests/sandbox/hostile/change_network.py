"""Changes its network (addresses, links) by the kernel's own channels for it."""

import fcntl
import socket
import struct

from kit import attempt

RTM_NEWADDR, RTM_NEWLINK = 20, 16
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def ask(kind, body):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.bind((0, 0))
        flags = 1 | 4 | 0x400  # REQUEST, ACK, CREATE
        link.send(struct.pack("IHHII", 16 + len(body), kind, flags, 1, 0) + body)
        answer = link.recv(4096)
    error = -struct.unpack_from("i", answer, 16)[0]
    if error:
        raise OSError(error, "netlink refused")
    return "accepted"


def address():
    # 10.99.99.99/32 on the loopback interface
    place = bytes([10, 99, 99, 99])
    body = struct.pack("BBBBI", 2, 32, 0, 0, 1) + struct.pack("HH4sHH4s", 8, 1, place, 8, 2, place)
    return ask(RTM_NEWADDR, body)


def link_flags():
    with socket.socket() as any_socket:
        return fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP))


attempt("add_an_address", address)
attempt("set_a_link", link_flags)
