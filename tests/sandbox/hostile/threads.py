"""More threads than the sandbox may have processes and threads."""

import threading

from kit import say

MOST = 600
done = threading.Event()
threads = []
refused = ""
threading.stack_size(65536)
try:
    while len(threads) < MOST:
        thread = threading.Thread(target=done.wait, daemon=True)
        thread.start()
        threads.append(thread)
except RuntimeError as error:
    refused = str(error)
done.set()
for thread in threads:
    thread.join()
say("more_threads", not refused, f"{len(threads)} {refused}")
