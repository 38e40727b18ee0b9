"""10 MiB on each stream, as fast as it goes."""

import os
import threading

from kit import say


def flood(stream, size=10 * 1024**2):
    block = (b"x" * 127 + b"\n") * 512
    for _ in range(size // len(block)):
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(stream, rest) :]


threads = [threading.Thread(target=flood, args=(stream,)) for stream in (1, 2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
say("all_of_it", True)
