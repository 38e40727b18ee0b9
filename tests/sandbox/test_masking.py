"""Secrets do not show in output, however it is cut into pieces."""

import random

import pytest

from agi_site.lib.crypto import MASK
from sandbox.agent.masking import MaskedText, Masker, secret_values
from sandbox.agent.starting import secrets
from sandbox.models import Sandbox, SandboxExecution, SandboxSecurity, SandboxTemplate


def masked(pieces: list[bytes], *secrets: bytes) -> bytes:
    masker = Masker(secrets)
    return b"".join([masker.feed(piece) for piece in pieces] + [masker.end()])


@pytest.mark.parametrize("cut", range(len("key=hunter2-hunter2!")))
def test_a_secret_is_hidden_wherever_the_piece_ends(cut):
    text = b"key=hunter2-hunter2!"
    assert masked([text[:cut], text[cut:]], b"hunter2-hunter2") == f"key={MASK}!".encode()


def test_a_secret_that_comes_byte_by_byte_is_hidden():
    text = "열쇠: 비밀번호가 여기에 있다 끝".encode()
    pieces = [bytes([byte]) for byte in text]
    assert masked(pieces, "비밀번호가 여기에".encode()) == f"열쇠: {MASK} 있다 끝".encode()


def test_of_two_secrets_with_one_beginning_the_longer_is_hidden_whole():
    assert masked([b"abcdef", b"ghij."], b"abcdef", b"abcdefghij") == f"{MASK}.".encode()
    assert masked([b"abcdef", b"gone"], b"abcdef", b"abcdefghij") == f"{MASK}gone".encode()


def test_pieces_in_any_cut_give_what_the_whole_gives():
    dice = random.Random(5)
    secrets = [b"aaab", b"abab", b"bbbbba"]
    for _round in range(300):
        text = bytes(dice.choice(b"ab") for _ in range(60))
        pieces, at = [], 0
        while at < len(text):
            step = dice.randint(1, 9)
            pieces.append(text[at : at + step])
            at += step
        assert masked(pieces, *secrets) == masked([text], *secrets), text


def test_what_only_begins_like_a_secret_is_shown_at_the_end():
    text = MaskedText([b"password-1"])
    assert text.feed(b"my pass") == "my "
    assert (text.position, text.taken) == (3, 7)
    assert text.feed(b"port") == "passport"
    assert text.feed(b" pa") == " "
    assert text.end() == "pa"
    assert text.position == 14


def test_characters_cut_in_the_middle_are_whole_and_wrong_bytes_are_told():
    text = MaskedText([])
    both = "가나".encode()
    assert text.feed(both[:4]) == "가"
    assert text.position == 3
    assert text.feed(both[4:] + b"\xff!") == "나�!"
    assert text.feed("다".encode()[:2]) == ""
    assert text.end() == "�"


def test_short_values_keep_nothing_secret_and_lines_of_a_key_do():
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nshort\n-----END KEY-----"
    found = secret_values({"DEBUG": "true", "N": 7, "KEY": key}, None, {"TOKEN": "s3cr3t-value"})
    assert b"true" not in found
    assert b"s3cr3t-value" in found
    assert b"MIIEvQIBADANBgkqhkiG9w0" in found
    assert key.encode() in found
    assert b"short" not in found


def execution(config: object, own: dict[str, str], **environment: str) -> SandboxExecution:
    sandbox = Sandbox(template=SandboxTemplate(config=config) if config is not None else None)
    SandboxSecurity(sandbox=sandbox, env_variables=own)
    return SandboxExecution(sandbox=sandbox, environment=environment or None)


def test_what_a_template_gives_to_everybody_is_no_secret():
    config = {"env": {"LANG": "C.UTF-8", "MODE": "careful"}}
    row = execution(config, {"LANG": "C.UTF-8", "MODE": "very-careful", "KEY": "hunter2-hunter2"})
    assert secrets(row) == [b"hunter2-hunter2", b"very-careful"]
    # whoever sets a variable anew has a secret in it
    assert secrets(execution(config, {"LANG": "C.UTF-8"}, LANG="ko_KR.UTF-8")) == [b"ko_KR.UTF-8"]


@pytest.mark.parametrize("config", [None, {}, [], {"env": None}, {"env": ["LANG"]}])
def test_without_a_templates_word_every_variable_is_a_secret(config):
    assert secrets(execution(config, {"LANG": "C.UTF-8"})) == [b"C.UTF-8"]
