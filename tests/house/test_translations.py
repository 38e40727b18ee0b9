"""Everything a person reads exists in Korean and in English (English is the text in the code)."""

import re
from pathlib import Path

import pytest
import rest_framework
from babel.messages.catalog import Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation import gettext, override

from agi_site import api_words

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%")
CATALOGUES = sorted(Path(settings.LOCALE_PATHS[0]).glob("ko/LC_MESSAGES/*.po"))


def entries() -> list[Message]:
    found = []
    for path in CATALOGUES:
        with path.open("rb") as file:
            found += [message for message in read_po(file, locale="ko") if message.id]
    return found


def texts(message: Message) -> tuple[str, str]:
    """The English text and the Korean one; Korean has one form for every number."""
    english = message.id if isinstance(message.id, str) else message.id[-1]
    korean = message.string if isinstance(message.string, str) else message.string[0]
    return english, korean


def test_every_text_is_translated_and_none_is_a_guess() -> None:
    missing = [m.id for m in entries() if not texts(m)[1] or m.fuzzy]
    assert missing == []


def test_a_translation_fills_in_what_the_text_fills_in() -> None:
    faults = [
        english
        for english, korean in map(texts, entries())
        if set(PLACEHOLDER.findall(english)) != set(PLACEHOLDER.findall(korean))
    ]
    assert faults == []


def test_a_translation_begins_and_ends_with_the_text_s_own_line_breaks() -> None:
    for english, korean in map(texts, entries()):
        assert english.startswith("\n") == korean.startswith("\n")
        assert english.endswith("\n") == korean.endswith("\n")


@pytest.mark.parametrize(
    ("english", "korean"), [("Sign in", "로그인"), ("Knowledge", "지식"), ("Memory", "기억")]
)
def test_the_catalogue_is_in_use(english: str, korean: str) -> None:
    with override("ko"):
        assert gettext(english) == korean
    with override("en"):
        assert gettext(english) == english


def test_the_framework_s_texts_that_we_translate_are_still_its_own() -> None:
    with (Path(rest_framework.__file__).parent / "locale/ko_KR/LC_MESSAGES/django.mo").open("rb") as file:
        its_own = {message.id for message in read_mo(file)}
    assert [text for text in api_words.WORDS if text not in its_own] == []
