"""Copies of forgotten memories in the records of other apps: told again without keeping what they said.

Where a search gave a memory, its id stands beside the copy. Elsewhere (a step's prompt, a tool's arguments)
there is the text alone, and the row is gone when the records are gone through. So the event of the forgetting
carries marks: keyed digests of the text and of its beginning, from which nobody reads it.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils import timezone

from agi_site.lib.ids import moment_of

from .copies import without_memories, without_memories_in

type Mark = Sequence[Any]  # length of the beginning, its digest, length of the text, its digest

BEGINNING = 8  # characters: the places where they stand are looked at closely
LEAST = 6  # characters: what is shorter is a word like others, and stands everywhere
LEFT = "[…]"  # stands where a text was


def marks_of(texts: Iterable[str]) -> list[Mark]:
    """What tells these texts again, in the forms in which records hold them."""
    found: dict[str, Mark] = {}
    for text in texts:
        for form in _forms(text.strip()):
            found[form] = [
                len(form[:BEGINNING]),
                _digest(form[:BEGINNING]).hex(),
                len(form),
                _digest(form).hex(),
            ]
    return list(found.values())


def _forms(text: str) -> set[str]:
    """The text itself, and as it stands inside of JSON, once or twice."""
    once = json.dumps(text, ensure_ascii=False)[1:-1]
    forms = {text, once, json.dumps(text)[1:-1], json.dumps(once, ensure_ascii=False)[1:-1]}
    return forms if len(text) >= LEAST else set()


def _digest(text: str) -> bytes:
    hashed = _keyed(settings.SECRET_KEY).copy()
    hashed.update(text.encode("utf-8", "surrogatepass"))
    return hashed.digest()


@lru_cache(maxsize=2)
def _keyed(secret: str) -> hashlib.blake2b:
    """A hash to be copied and gone on with: a key taken anew at each place of a text costs as much again."""
    key = hashlib.blake2b(secret.encode(), person=b"memory traces").digest()
    return hashlib.blake2b(key=key, digest_size=16)


class Traces:
    """Takes copies of forgotten memories, `ids` and their `marks`, out of records."""

    def __init__(self, ids: Collection[str], marks: Iterable[Mark] = ()) -> None:
        self.ids = frozenset(ids)
        self._marks: dict[int, dict[bytes, set[tuple[int, bytes]]]] = {}
        self._add(marks)

    def _add(self, marks: Iterable[Mark]) -> None:
        for short, beginning, length, whole in marks:
            known = self._marks.setdefault(int(short), {})
            known.setdefault(bytes.fromhex(beginning), set()).add((int(length), bytes.fromhex(whole)))

    @property
    def since(self) -> datetime:
        """Before this moment none of the memories was there, and no copy of one."""
        return min(map(moment_of, self.ids), default=timezone.now())

    def out_of(self, told: Any) -> tuple[Any, bool]:
        """A JSON value without the copies, and whether there were any."""
        self._add(marks_of(self._excerpts(told)))  # a search cuts a long memory to what answers it
        kept, gone = without_memories_in(told, self.ids)
        return self._without(kept, gone)

    def out_of_text(self, text: str) -> tuple[str, bool]:
        """The same for a text, which may be JSON."""
        try:
            told = json.loads(text)
        except ValueError:
            kept = self._cut(without_memories(text, self.ids), broken=text.startswith(("{", "[")))
            return kept, kept != text
        value, gone = self.out_of(told)
        return (json.dumps(value, ensure_ascii=False) if gone else text), gone

    def _excerpts(self, told: Any) -> Iterator[str]:
        """What searches gave of the memories."""
        if isinstance(told, list):
            for one in told:
                yield from self._excerpts(one)
        elif isinstance(told, dict):
            if told.get("id") in self.ids and isinstance(text := told.get("snippet"), str):
                yield text
            for one in told.values():
                yield from self._excerpts(one)

    def _without(self, told: Any, gone: bool = False) -> tuple[Any, bool]:
        if isinstance(told, str):
            kept = self._cut(told)
            return kept, gone or kept != told
        if isinstance(told, list):
            parts = [self._without(one) for one in told]
            return [part for part, _gone in parts], gone or any(one for _part, one in parts)
        if not isinstance(told, dict):
            return told, gone
        if told.get("kind") in ("memory", "knowledge") and "snippet" in told:
            if told.get("id") in self.ids:
                return {"kind": told["kind"], "forgotten": True}, True
            return told, gone  # another memory or passage, whatever it has in common with this one
        found = {name: self._without(value) for name, value in told.items()}
        if told.get("truncated") is True and isinstance(head := told.get("head"), str):
            kept = self._cut(head, broken=True)
            found["head"] = kept, kept != head
        return {name: part for name, (part, _gone) in found.items()}, gone or any(
            one for _part, one in found.values()
        )

    def _cut(self, text: str, *, broken: bool = False) -> str:
        """The text without what the marks tell; at the end of a `broken` one, without what only begins so."""
        pieces: list[str] = []
        begun = at = 0
        while self._marks and at < len(text):
            if length := self._length_at(text, at, broken=broken):
                pieces += [text[begun:at], LEFT]
                begun = at = at + length
            else:
                at += 1
        return "".join([*pieces, text[begun:]])

    def _length_at(self, text: str, at: int, *, broken: bool) -> int:
        """The characters of the longest forgotten text that begins here; 0 for none."""
        longest = 0
        for short, known in self._marks.items():
            beginning = text[at : at + short]
            for length, whole in known.get(_digest(beginning), ()) if len(beginning) == short else ():
                here = broken and at + length > len(text)
                if length > longest and (here or _digest(text[at : at + length]) == whole):
                    longest = length
        return longest
