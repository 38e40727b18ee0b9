"""More memory than the sandbox may have, in files without a name that belong to no disk."""

import os

from kit import say

STEP = 8 * 1024**2
file = os.memfd_create("hidden")
block = b"\x01" * STEP
for _ in range(700 * 1024**2 // STEP):
    os.write(file, block)
say("more_memory", True, os.fstat(file).st_size)
