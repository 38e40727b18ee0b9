"""More memory than the sandbox may have, page by page."""

import mmap

from kit import say

MOST = 700 * 1024**2
STEP = 8 * 1024**2
area = mmap.mmap(-1, MOST)
page = b"\x01" * STEP
for start in range(0, MOST - STEP + 1, STEP):
    area[start : start + STEP] = page
say("more_memory", True, MOST)
