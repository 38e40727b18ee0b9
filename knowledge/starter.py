"""Starter knowledge: what the product can do, in English and Korean, so that it can be asked about itself.

A row is known by its source, "starter:<slug>:<language>". One that a person changed or deleted stays as
they left it.
"""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

from django.db import transaction

from agi_site.lib.problems import Invalid
from system.services.settings import declare, get_setting, set_setting

from . import services
from .models import Knowledge

FILE = Path(__file__).with_name("starter.toml")
CATEGORY, KEY = "knowledge", "starter_rows"

declare(
    category=CATEGORY,
    key=KEY,
    default="",
    description="Which starter passages were brought in, so that a deleted one does not come back.",
)


@transaction.atomic
def load() -> None:
    """Add the passages that are new, and renew those nobody has changed."""
    brought = set(str(get_setting(category=CATEGORY, key=KEY, default="")).split())
    rows = {row.source: row for row in Knowledge.objects.filter(source__startswith="starter:").light()}
    for slug, language, passage in passages():
        source = f"starter:{slug}:{language}"
        name = f"{slug}:{language}"
        row = rows.get(source)
        if row is not None:
            _renew(row, passage)
        elif name not in brought:
            _add(source, language, passage)
    now = " ".join(sorted(brought | {f"{slug}:{language}" for slug, language, _passage in passages()}))
    if now != " ".join(sorted(brought)):
        set_setting(category=CATEGORY, key=KEY, value=now, by=None)


def passages() -> list[tuple[str, str, dict[str, Any]]]:
    """Every passage as (slug, language, {title, content, tags})."""
    stored = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return [
        (
            slug,
            language,
            {**texts[language], "content": texts[language]["content"].strip(), "tags": texts["tags"]},
        )
        for slug, texts in stored.items()
        for language in ("en", "ko")
    ]


def fingerprint(passage: dict[str, Any]) -> str:
    """What tells an untouched row from one that a person changed."""
    return hashlib.sha256(f"{passage['title']}\n{passage['content']}".encode()).hexdigest()[:16]


def _add(source: str, language: str, passage: dict[str, Any]) -> None:
    try:
        services.add_knowledge(
            author=None,
            title=passage["title"],
            content=passage["content"],
            source=source,
            tags=[*passage["tags"], language],
            metadata={"language": language, "starter": fingerprint(passage)},
        )
    except Invalid as problem:
        if problem.code != "duplicate":  # somebody has written it down already: then it is known
            raise


def _renew(row: Knowledge, passage: dict[str, Any]) -> None:
    stored = (row.metadata or {}).get("starter")
    untouched = stored == fingerprint({"title": row.title, "content": row.content})
    if untouched and stored != fingerprint(passage):
        services.renew_knowledge(
            knowledge=row,
            title=passage["title"],
            content=passage["content"],
            metadata=(row.metadata or {}) | {"starter": fingerprint(passage)},
        )
