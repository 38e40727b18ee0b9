"""500 tokens per second to 20 readers at once: nothing lost, nothing twice, memory flat."""

import time

import psutil

from bench.report import Figure
from bench.site import Reader, running_site

READERS, TOKENS, RATE = 20, 5000, 500
EXPECTED = "".join(f"t{number} " for number in range(TOKENS))


def text_of(reader: Reader) -> tuple[str, int]:
    """The text a reader put together, and how many characters came twice or left a gap."""
    (pieces,) = reader.texts.values()
    text, faults = "", 0
    for offset, piece in pieces:
        faults += abs(offset - len(text))
        text += piece
    return text, faults


def measure() -> list[Figure]:
    """One answer of 5,000 tokens, read by 20 at once; and again, for the memory."""
    with running_site() as site:
        server = psutil.Process(site.pid)
        peaks, faults, wrong, seconds = [], 0, 0, 0.0
        for _round in range(3):
            conversation = site.conversation()
            readers = [Reader(site, conversation) for _ in range(READERS)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.connected.wait(30)
            started = time.perf_counter()
            site.post(conversation, f"stream {TOKENS} {RATE}")
            for reader in readers:
                reader.done.wait(120)
            seconds = time.perf_counter() - started
            peaks.append(server.memory_info().rss / 1e6)
            for reader in readers:
                text, off = text_of(reader)
                wrong += text.strip() != EXPECTED.strip()
                faults += off
    return [
        Figure(
            f"{RATE} tokens/s to {READERS} readers: readers with a wrong text",
            f"{wrong} of {READERS * 3}, {faults} characters off",
            f"{TOKENS / RATE:.0f} s at the model, {seconds:.1f} s here",
            f"{seconds / (TOKENS / RATE):.2f} ×",
            "none lost, none twice",
        ),
        Figure(
            "memory of the process after the 1st and the 3rd such answer",
            f"{peaks[-1]:.0f} MB",
            f"{peaks[0]:.0f} MB",
            f"{peaks[-1] / peaks[0]:.2f} ×",
            "flat",
        ),
    ]
