"""Text from bytes that come in pieces, with secret values replaced, also where a piece ends within one."""

import codecs
import re
from collections.abc import Iterable, Mapping
from typing import Any

from agi_site.lib.crypto import MASK

# Shorter values ("1", "true", "prod") stand everywhere in honest output and keep nothing secret.
SHORTEST_SECRET = 6
# Values of many lines (keys) are often shown line by line, so lines of some length count by themselves.
SHORTEST_LINE = 16
LONGEST_SECRET = 8192


def secret_values(*environments: Mapping[str, Any] | None) -> list[bytes]:
    """The values of sealed environments that are to be hidden, the longest first."""
    found: set[bytes] = set()
    for environment in environments:
        for value in (environment or {}).values():
            text = str(value)
            if len(text.strip()) < SHORTEST_SECRET:
                continue
            lines = [line.strip() for line in text.splitlines()]
            parts = [text.strip(), text.strip().replace("\n", "\r\n")]
            parts += [line for line in lines if len(line) >= SHORTEST_LINE]
            found.update(part.encode() for part in parts)
    return sorted((part for part in found if len(part) <= LONGEST_SECRET), key=len, reverse=True)


class Masker:
    """Replaces secrets in a stream of bytes; what may still become one is held back."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self._secrets = sorted(set(secrets), key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets))) if self._secrets else None
        self._firsts = frozenset(secret[0] for secret in self._secrets)
        self._held = b""

    @property
    def held(self) -> int:
        """How many bytes are held back."""
        return len(self._held)

    def feed(self, data: bytes) -> bytes:
        """What can be shown by now."""
        if self._pattern is None:
            return data
        data = self._held + data
        shown: list[bytes] = []
        at, hold = 0, self._hold_from(data, 0)
        while (match := self._pattern.search(data, at)) and match.start() < hold:
            shown += (data[at : match.start()], MASK.encode())
            at = match.end()
            if at > hold:
                hold = self._hold_from(data, at)
        shown.append(data[at:hold])
        self._held = data[hold:]
        return b"".join(shown)

    def end(self) -> bytes:
        """What was held back: no more follows."""
        held, self._held = self._held, b""
        return self._pattern.sub(MASK.encode(), held) if self._pattern else held

    def _hold_from(self, data: bytes, start: int) -> int:
        """The first place from which the rest of `data` is the beginning of a secret."""
        longest = len(self._secrets[0])
        for at in range(max(start, len(data) - longest + 1), len(data)):
            if data[at] in self._firsts:
                rest = data[at:]
                if any(len(rest) < len(secret) and secret.startswith(rest) for secret in self._secrets):
                    return at
        return len(data)


class MaskedText:
    """A stream of bytes as masked text. `position` counts the bytes that the text so far stands for."""

    def __init__(self, secrets: Iterable[bytes], position: int = 0) -> None:
        self._masker = Masker(secrets)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._taken = position

    @property
    def position(self) -> int:
        """Bytes that are in the text; those held back are not."""
        return self._taken - self._masker.held - len(self._decoder.getstate()[0])

    @property
    def taken(self) -> int:
        """Bytes that came."""
        return self._taken

    def feed(self, data: bytes) -> str:
        """More bytes; the text that can be shown by now."""
        self._taken += len(data)
        return self._decoder.decode(self._masker.feed(data))

    def flush(self) -> str:
        """What was held back, as it is: the stream ended, or somebody waits for it at a terminal."""
        return self._decoder.decode(self._masker.end())

    def end(self) -> str:
        """The last of the text."""
        return self._decoder.decode(self._masker.end(), final=True)
