"""A runner as it should not be: it shares user, streams, files and environment with what it runs.

PID 1 of the weak container that the attacks on the runner are shown to succeed in. It reads one JSON line per
program, `{"argv": [...], "limit": seconds}`, lets it run on its own streams, and says `{"ended": code}`.
"""

import json
import os
import socket
import subprocess
import sys
import time

os.makedirs("/.agi", exist_ok=True)
kept = os.open("/etc/passwd", os.O_RDONLY)
os.set_inheritable(kept, True)
sockets = []
PLACES = (
    (socket.AF_UNIX, "\0runner"),
    (socket.AF_UNIX, "/run/runner"),
    (socket.AF_INET, ("127.0.0.1", 7777)),
)
for kind, place in PLACES:
    listener = socket.socket(kind)
    listener.bind(place)
    listener.listen()
    sockets.append(listener)
if os.fork() == 0:  # a helper
    while True:
        time.sleep(1)
print(json.dumps({"ready": os.getpid()}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    child = subprocess.Popen(asked["argv"], close_fds=False, stdin=subprocess.DEVNULL)
    try:
        code = child.wait(asked["limit"])
    except subprocess.TimeoutExpired:
        child.kill()  # the child, and nothing of what it left behind
        code = child.wait()
    print("\n" + json.dumps({"ended": code}), flush=True)
