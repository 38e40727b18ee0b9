"""Secrets in the environment and the arguments of every process that can be seen."""

import os

from kit import attempt, given

secret = given()["secret"].encode()


def search(name):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                with open(f"/proc/{entry}/{name}", "rb") as file:
                    if secret in file.read():
                        found.append(int(entry))
            except OSError:
                continue
    return found or False


attempt("environment", search, "environ")
attempt("arguments", search, "cmdline")
