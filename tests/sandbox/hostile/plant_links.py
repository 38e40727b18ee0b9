"""What a workspace may hold to lead a file API astray: links, pipes, sockets, loops, names and depths."""

import os
import socket

os.chdir("/workspace")
LINKS = {
    "passwd": "/etc/passwd",
    "up": "..",
    "out": "/tmp",
    "root": "/proc/self/root",
    "cwd": "/proc/self/cwd",
    "environ": "/proc/1/environ",
    "loop": "loop",
    "chain": "inside/up/..",
    "device": "/dev/zero",
}
for name, target in LINKS.items():
    os.symlink(target, name)
os.mkdir("inside")
os.symlink("..", "inside/up")
with open("note", "w") as file:
    file.write("mine")
with open("/tmp/kept", "w") as file:
    file.write("kept")
os.mkfifo("pipe")
socket.socket(socket.AF_UNIX).bind("socket")
os.mkdir("deep")
os.chdir("deep")
for _ in range(1500):
    os.mkdir("x" * 20)
    os.chdir("x" * 20)
print("ready", flush=True)
