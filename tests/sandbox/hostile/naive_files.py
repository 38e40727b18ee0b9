"""A file API as it should not be: it joins paths, follows links, and trusts archives; run as root."""

import base64
import io
import os
import tarfile
import time

from kit import attempt, given

ROOT = "/workspace"
asked = given()


def at(path):
    return os.path.join(ROOT, path)


def read(path):
    with open(at(path), "rb") as file:
        return file.read(5) == b"root:" and "a file of the system"


def write(path):
    with open(at(path), "w") as file:
        file.write("escaped")
    return os.path.realpath(at(path))


def mkdir(path):
    os.mkdir(at(path))
    return os.path.realpath(at(path))


def extract(name, archive):
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(archive))) as tar:
        tar.extractall(ROOT, filter="fully_trusted")
    found = asked["escapes"][name]
    return os.path.lexists(found) and found


def race(path):
    end = time.monotonic() + 8
    while time.monotonic() < end:
        try:
            if os.path.realpath(at(path)).startswith(ROOT):  # looked at, and then used
                with open(at(path), "rb") as file:
                    if file.read(5) == b"root:":
                        return "a file of the system"
        except OSError:
            continue
    return False


for path in asked.get("read", ()):
    attempt(f"read {path}", read, path)
for path in asked.get("write", ()):
    attempt(f"write {path}", write, path)
for path in asked.get("mkdir", ()):
    attempt(f"mkdir {path}", mkdir, path)
for name, archive in asked.get("archives", {}).items():
    attempt(f"extract {name}", extract, name, archive)
if "race" in asked:
    attempt("race", race, asked["race"])
