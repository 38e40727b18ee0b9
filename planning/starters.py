"""The templates that come along, in English and Korean (starter.toml)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("starter.toml")
LANGUAGES = ("en", "ko")


@dataclass(frozen=True, slots=True)
class Starter:
    """A template in one language; `document` is what `services.import_document` takes."""

    slug: str
    icon: str
    document: Mapping[str, Any]

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return len(self.document["steps"])


def templates(language: str) -> list[Starter]:
    """All of them, in a language that there is, else in English."""
    return list(_read(language[:2] if language[:2] in LANGUAGES else "en"))


def template(slug: str, language: str) -> Starter | None:
    """The one of this name."""
    return next((one for one in templates(language) if one.slug == slug), None)


@cache
def _read(language: str) -> tuple[Starter, ...]:
    found = []
    for written in tomllib.loads(FILE.read_text())["template"]:
        entry = _in_language(written, language)
        slug, icon = entry.pop("slug"), entry.pop("icon")
        # an input that is empty here has to be given
        entry["inputs"] = {
            name: None if value == "" else value for name, value in entry.get("inputs", {}).items()
        }
        found.append(Starter(slug, icon, entry))
    return tuple(found)


def _in_language(value: Any, language: str) -> Any:
    """The same with each pair of texts replaced by the one of the language."""
    if isinstance(value, dict):
        if set(value) == set(LANGUAGES):
            return value[language]
        return {name: _in_language(inner, language) for name, inner in value.items()}
    if isinstance(value, list):
        return [_in_language(inner, language) for inner in value]
    return value
