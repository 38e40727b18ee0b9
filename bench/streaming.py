"""500 tokens per second to 20 readers at once: nothing lost, nothing twice, memory flat."""

import time
from dataclasses import dataclass, field

from bench.report import Figure
from bench.site import Reader, Site, each_kind, open_readers, tree_memory

READERS, TOKENS, RATE, ROUNDS = 20, 4000, 500, 4
EXPECTED = "".join(f"t{number} " for number in range(TOKENS))


@dataclass
class Seen:
    """What came of the rounds: readers with another text than was sent, characters lost or sent twice."""

    wrong: int = 0
    lost: int = 0
    twice: int = 0
    seconds: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def add(self, reader: Reader) -> None:
        """Put a reader's pieces together by their offsets, as a page does, and compare."""
        text = ""
        for offset, piece in (pair for pieces in reader.texts.values() for pair in pieces):
            self.lost += max(0, offset - len(text))
            self.twice += max(0, len(text) - offset)
            text += piece
        self.wrong += text.strip() != EXPECTED.strip() or reader.resets > 0


def measure() -> list[Figure]:
    """Answers of 4,000 tokens, each read by 20 at once; memory after each of them."""
    return [figure for site in each_kind() for figure in _figures(site)]


def _round(site: Site, seen: Seen) -> None:
    readers = open_readers(site, site.conversation(), READERS)
    started = time.perf_counter()
    site.post(readers[0].conversation, f"stream {TOKENS} {RATE}")
    for reader in readers:
        reader.done.wait(120)
    seen.seconds.append(time.perf_counter() - started)
    for reader in readers:
        seen.add(reader)
    time.sleep(1)
    seen.memory.append(tree_memory(site.pid))


def _figures(site: Site) -> list[Figure]:
    seen, ideal = Seen(), TOKENS / RATE
    for _number in range(ROUNDS):
        _round(site, seen)
    slowest = max(seen.seconds)
    return [
        Figure(
            f"{RATE} tokens/s to {READERS} readers, {site.kind}",
            f"{slowest:.1f} s",
            f"{ideal:.1f} s (at the model)",
            f"{seen.wrong} of {READERS * ROUNDS} texts differ, {seen.lost} lost, {seen.twice} twice",
            "none lost, none twice",
        ),
        Figure(
            f"memory after {ROUNDS} such answers, {site.kind}",
            f"{seen.memory[-1]:.0f} MB",
            f"{seen.memory[0]:.0f} MB (after the first)",
            f"{seen.memory[-1] / seen.memory[0]:.2f} ×",
            "flat",
        ),
    ]
