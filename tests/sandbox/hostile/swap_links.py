"""A folder that is a folder when it is looked at, and a link to another when it is used."""

import os
import time

from kit import call, given

AT_FDCWD, EXCHANGE = -100, 2
os.chdir("/workspace")
os.makedirs("race", exist_ok=True)
with open("race/passwd", "w") as file:
    file.write("inside")
os.symlink("/etc", "other")
print("ready", flush=True)
end = time.monotonic() + given().get("seconds", 20)
while time.monotonic() < end:
    call("renameat2", AT_FDCWD, b"race", AT_FDCWD, b"other", EXCHANGE)
