"""Which bytes of a file a request asks for (RFC 9110, sections 13.1.5 and 14)."""

import re
import time
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.http import parse_http_date_safe

# One range: "first-last", "first-" or "-length". More digits than any file has bytes are no number to us.
_ONE = re.compile(
    r"bytes=[ \t]*(?:([0-9]{1,25})-([0-9]{0,25})|-([0-9]{1,25}))[ \t]*", re.ASCII | re.IGNORECASE
)


class Unsatisfiable(Exception):
    """None of the bytes that are asked for exist."""


@dataclass(frozen=True, slots=True)
class Part:
    """`size` bytes from `offset` on."""

    offset: int
    size: int

    def header(self, whole: int) -> str:
        """The value of `Content-Range`."""
        return f"bytes {self.offset}-{self.offset + self.size - 1}/{whole}"


def part_asked(request: HttpRequest, *, size: int, etag: str, modified: int | None) -> Part | None:
    """What a request wants of a file of `size` bytes; None is all of it. Raises Unsatisfiable.

    `etag` is quoted and strong, or ""; `modified` counts seconds since 1970. Several ranges, another unit and
    what is no range are answered with everything, as RFC 9110 allows; so is a file without bytes, of which
    some programs ask for the beginning.
    """
    asked = request.META.get("HTTP_RANGE", "")
    if not asked or not size or request.method != "GET":
        return None
    if not _still_the_same(request.META.get("HTTP_IF_RANGE", ""), etag, modified):
        return None
    found = _ONE.fullmatch(asked.strip())
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix:
        length = min(int(suffix), size)
        if not length:
            raise Unsatisfiable
        return Part(size - length, length)
    start, end = int(first), min(int(last or size - 1), size - 1)
    if last and int(last) < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return Part(start, end - start + 1)


def _still_the_same(validator: str, etag: str, modified: int | None) -> bool:
    """Whether `If-Range` holds: compared strongly, so that parts of two versions are never put together."""
    validator = validator.strip()
    if not validator:
        return True
    if '"' in validator:
        return bool(etag) and validator == etag
    # A date is a strong validator only for what has rested for a second since (section 8.8.2.2).
    return (
        modified is not None and parse_http_date_safe(validator) == modified and time.time() >= modified + 1
    )
