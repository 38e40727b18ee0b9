"""Frames: what is sent arrives, whatever the pieces; what is broken is noticed."""

import os
import random

import pytest

from sandbox import wire


def parsed(parser: wire.Parser, data: bytes, size: int = 1 << 30) -> list[wire.Frame]:
    return [found for start in range(0, len(data), size) for found in parser.feed(data[start : start + size])]


@pytest.mark.parametrize("size", [1, 7, 4096, 1 << 30])
def test_frames_arrive_in_pieces_of_any_size(size: int) -> None:
    frames = [(wire.DATA, number, os.urandom(number * 37)) for number in range(60)]
    data = b"".join(wire.frame(*found) for found in frames)
    assert parsed(wire.Parser(), data, size) == frames


def test_a_long_message_is_sent_in_parts() -> None:
    value = {"code": "x" * 200_000}
    *parts, last = parsed(wire.Parser(), wire.json_frames(wire.OPEN, 3, value))
    assert {kind for kind, _number, _payload in parts} == {wire.PART}
    assert last[0] == wire.OPEN
    with pytest.raises(ValueError):
        wire.json_frames(wire.OPEN, 3, {"code": "x" * wire.MAX_JSON})


def test_a_changed_byte_is_noticed_wherever_it_is() -> None:
    data = wire.frame(wire.DATA, 5, b"some bytes of a payload")
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(wire.BadFrame):
            assert parsed(wire.Parser(), bytes(changed) + bytes(wire.QUIET)) == []


def test_after_zeros_the_frames_go_on_wherever_the_last_caller_stopped() -> None:
    whole = wire.frame(wire.DATA, 1, os.urandom(wire.MAX_PAYLOAD))
    hello = wire.frame(wire.HELLO, 0, b"{}")
    places = [*range(20), *random.Random(1).sample(range(len(whole)), 30), len(whole) - 1]
    for place in places:
        parser = wire.Parser(strict=False)
        assert parsed(parser, whole[:place] + wire.ZEROS + hello, 60_000) == [(wire.HELLO, 0, b"{}")], place
        assert not parser.lost


def test_a_frame_within_a_broken_ones_payload_is_not_taken() -> None:
    inner = bytes(60_000) + wire.frame(wire.OPEN, 9, b"{}") * 3
    parser = wire.Parser(strict=False)
    broken = bytearray(wire.frame(wire.DATA, 1, inner))
    broken[-1] ^= 1
    assert parsed(parser, bytes(broken)) == []
    assert parser.lost
    assert parsed(parser, bytes(broken) * 3 + wire.frame(wire.OPEN, 9, b"{}")) == []
    assert parsed(parser, wire.ZEROS + wire.frame(wire.HELLO, 0)) == [(wire.HELLO, 0, b"")]


def test_garbage_is_skipped_in_flat_memory() -> None:
    parser = wire.Parser(strict=False)
    for _ in range(200):
        assert parsed(parser, os.urandom(100_000)) == []
    assert len(parser._buffer) < 200_000
