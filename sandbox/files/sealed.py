"""Long files encrypted at rest: a key of its own per file, itself sealed by the site's key ring.

The layout: a line of JSON (`{"v": 1, "key": <token of the ring>}`), then blocks of 1 MiB, each by AES-256-GCM
under a nonce that counts blocks and marks the last one (the STREAM construction), so that blocks can be
neither swapped nor dropped, nor the end cut off.
"""

import base64
import json
import os
from collections.abc import Iterable, Iterator
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agi_site.lib import crypto

BLOCK = 1 << 20
TAG = 16
LONGEST_HEAD = 4096


class Damaged(Exception):
    """The file is not as it was sealed."""


def seal(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The sealed form of the bytes, in chunks."""
    key = os.urandom(32)
    yield json.dumps({"v": 1, "key": crypto.encrypt(base64.b64encode(key).decode())}).encode() + b"\n"
    cipher, count, block = AESGCM(key), 0, bytearray()
    for chunk in chunks:
        block += chunk
        while len(block) > BLOCK:
            yield cipher.encrypt(_nonce(count, last=False), bytes(block[:BLOCK]), None)
            del block[:BLOCK]
            count += 1
    yield cipher.encrypt(_nonce(count, last=True), bytes(block), None)


def unseal(file: IO[bytes]) -> Iterator[bytes]:
    """The bytes again, in chunks; raises Damaged at the first block that is not as it was sealed."""
    cipher, count = AESGCM(_key(file.readline(LONGEST_HEAD))), 0
    block = file.read(BLOCK + TAG)
    while True:
        following = file.read(BLOCK + TAG)
        try:
            yield cipher.decrypt(_nonce(count, last=not following), block, None)
        except InvalidTag as error:
            raise Damaged(f"block {count} of a sealed file is not as it was stored") from error
        if not following:
            return
        block, count = following, count + 1


def _key(head: bytes) -> bytes:
    try:
        return base64.b64decode(crypto.decrypt(json.loads(head)["key"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged("this is not a sealed file") from error


def _nonce(count: int, *, last: bool) -> bytes:
    # The key is used for one file only, so counting from 0 never repeats a nonce.
    return count.to_bytes(11) + bytes([last])
