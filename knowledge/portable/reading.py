"""Reading a file of memories: what it may hold, and a clear word about what is wrong with it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.problems import Invalid, Problem, TooLarge

from .. import options
from ..models import MemoryType, QuestionAnswer, RefusalReason, RelationType
from ..models.memory import moment

FORMAT = "agi-site/memory"
VERSION = 1
MOST_BYTES = 20 * 1024 * 1024
MOST_MEMORIES = 50_000
MOST_FAULTS = 20
METADATA_CHARACTERS = 16_000
# What metadata may hold, with the type of each; anything else in it is left out.
_METADATA: dict[str, type | tuple[type, ...]] = {
    "pinned": bool,
    "source_message": str,
    "source_conversation": str,
    "extractor": str,
    "confidence": (int, float),
    "reason": str,
    "sources": list,
    "history": list,
}


class _Fault(Exception):
    """What is wrong with one value."""


@dataclass(slots=True)
class Document:
    """A file that was read: plain values, checked; ids are those of the file."""

    memories: list[dict[str, Any]] = field(default_factory=list)
    relations: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    questions: list[dict[str, Any]] = field(default_factory=list)
    contexts: list[dict[str, Any]] = field(default_factory=list)
    receipts: int = 0

    @property
    def size(self) -> int:
        """How many rows of all kinds it may become: what taking it in costs."""
        return sum(map(len, (self.memories, self.relations, self.refusals, self.questions)))


def read(data: bytes) -> Document:
    """Check a file and give its contents; raises TooLarge, or Invalid naming each place that is wrong."""
    if len(data) > MOST_BYTES:
        text = _("The file is too large: at most %(most)s MiB.") % {"most": MOST_BYTES // 1024**2}
        raise TooLarge(text)
    told = _parsed(data)
    faults: list[str] = []
    document = Document(receipts=len(told["receipts"]) if isinstance(told.get("receipts"), list) else 0)
    for name, check in _CHECKS.items():
        setattr(document, name, _rows(told.get(name, []), name, check, faults))
    if len(document.memories) > MOST_MEMORIES:
        faults.append(_("memories: at most %(most)s.") % {"most": MOST_MEMORIES})
    known = {row["id"] for row in document.memories}
    if len(known) < len(document.memories):
        faults.append(_("memories: two of them have the same id."))
    for name, ends in (("relations", ("source", "target")), ("questions", ("newer", "older"))):
        for at, row in enumerate(getattr(document, name)):
            faults += [
                f"{name}[{at}].{end}: " + _("no memory in the file has this id.")
                for end in ends
                if row[end] not in known
            ]
    if faults:
        raise Invalid(
            _("The file cannot be taken in; nothing was changed."),
            code="bad_memory_file",
            errors={"file": faults[:MOST_FAULTS]},
        )
    return document


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _refused(_("This is not a text file in UTF-8.")) from error
    except (ValueError, RecursionError) as error:
        place = f" ({error.lineno}:{error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        raise _refused(_("This is not JSON.") + place) from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        text = _("This is not a file of memories: its “format” has to be “%(format)s”.")
        raise _refused(text % {"format": FORMAT})
    if told.get("version") != VERSION:
        text = _("Version %(found)s of the format is not known here; this program reads version %(known)s.")
        raise _refused(text % {"found": str(told.get("version"))[:20], "known": VERSION})
    return told


def _refused(text: str) -> Problem:
    return Invalid(text, code="bad_memory_file", errors={"file": [text]})


def _rows(
    told: Any, name: str, check: Callable[[Mapping[str, Any]], dict[str, Any]], faults: list[str]
) -> list[dict[str, Any]]:
    if not isinstance(told, list):
        faults.append(f"{name}: " + _("has to be a list."))
        return []
    rows: list[dict[str, Any]] = []
    for at, value in enumerate(told):
        if len(faults) >= MOST_FAULTS:
            break
        try:
            if not isinstance(value, dict):
                raise _Fault(_("has to be an object."))
            rows.append(check(value))
        except _Fault as fault:
            faults.append(f"{name}[{at}]{'' if str(fault).startswith('.') else ': '}{fault}")
    return rows


# --- What each kind of row holds ---------------------------------------------------------------------
def _memory(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": _id(told, "id"),
        "type": _choice(told, "type", MemoryType.values),
        "content": _text(told, "content", options.LONGEST_MEMORY),
        "importance": _share(told, "importance", Decimal("0.50")),
        "created_at": _time(told, "created_at") or timezone.now(),
        "last_accessed": _time(told, "last_accessed"),
        "access_count": _count(told, "access_count"),
        "valid_from": _time(told, "valid_from"),
        "valid_until": _time(told, "valid_until"),
        "archived_at": _time(told, "archived_at"),
        "metadata": _metadata(told.get("metadata")),
    }


def _relation(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": _id(told, "source"),
        "target": _id(told, "target"),
        "relation_type": _choice(told, "relation_type", RelationType.values),
        "strength": _share(told, "strength", Decimal("0.50")),
    }


def _refusal(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": _choice(told, "type", MemoryType.values),
        "content": _text(told, "content", options.LONGEST_CONTENT),
        "reason": _choice(told, "reason", RefusalReason.values),
        "memory": _id(told, "memory") if told.get("memory") else None,
        "source_message": _text(told, "source_message", 36, needed=False),
        "source_conversation": _id_or_nothing(told, "source_conversation"),
        "extractor": _text(told, "extractor", 100, needed=False),
        "created_at": _time(told, "created_at") or timezone.now(),
    }


def _question(told: Mapping[str, Any]) -> dict[str, Any]:
    answered = told.get("answer") is not None
    return {
        "newer": _id(told, "newer"),
        "older": _id(told, "older"),
        "answer": _choice(told, "answer", QuestionAnswer.values) if answered else None,
        "created_at": _time(told, "created_at") or timezone.now(),
        "answered_at": _time(told, "answered_at"),
    }


def _context(told: Mapping[str, Any]) -> dict[str, Any]:
    data = told.get("data")
    if not isinstance(data, dict):
        raise _Fault(".data: " + _("has to be an object."))
    _check_plain(data, ".data")
    return {"data": data, "updated_at": _time(told, "updated_at")}


_CHECKS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "memories": _memory,
    "relations": _relation,
    "refusals": _refusal,
    "questions": _question,
    "contexts": _context,
}


# --- Values --------------------------------------------------------------------------------------------
def _id(told: Mapping[str, Any], name: str) -> str:
    try:
        return str(UUID(str(told[name])))
    except (KeyError, ValueError) as error:
        raise _Fault(f".{name}: " + _("has to be a UUID.")) from error


def _id_or_nothing(told: Mapping[str, Any], name: str) -> str:
    """The id, "" for any other text: pages link to what it names."""
    try:
        return _id(told, name)
    except _Fault:
        return ""


def _choice(told: Mapping[str, Any], name: str, known: list[str]) -> str:
    value = told.get(name)
    if value not in known:
        raise _Fault(f".{name}: " + _("has to be one of: %(known)s.") % {"known": ", ".join(known)})
    return str(value)


def _text(told: Mapping[str, Any], name: str, most: int, *, needed: bool = True) -> str:
    value = told.get(name, "")
    if not isinstance(value, str) or (needed and not value.strip()):
        raise _Fault(f".{name}: " + _("has to be a text."))
    if len(value) > most:
        raise _Fault(f".{name}: " + _("at most %(most)s characters.") % {"most": most})
    if fault := plain_json.fault_in_text(value):
        raise _Fault(f".{name}: {fault}")
    return value.strip()


def _share(told: Mapping[str, Any], name: str, otherwise: Decimal) -> Decimal:
    if told.get(name) is None:
        return otherwise
    try:
        value = Decimal(str(told[name])).quantize(Decimal("0.01"))
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or not 0 <= value <= 1:
        raise _Fault(f".{name}: " + _("has to be a number from 0 to 1."))
    return value


def _count(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name) or 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise _Fault(f".{name}: " + _("has to be a whole number from 0 up."))
    return value


def _time(told: Mapping[str, Any], name: str) -> datetime | None:
    value = told.get(name)
    if value is None:
        return None
    found = moment(str(value))
    if found is None:
        raise _Fault(f".{name}: " + _("has to be a time with its zone, as in 2026-01-31T09:00:00Z."))
    return found


def _metadata(told: Any) -> dict[str, Any]:
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise _Fault(".metadata: " + _("has to be an object."))
    kept = {name: told[name] for name, kind in _METADATA.items() if isinstance(told.get(name), kind)}
    for name in ("sources", "history"):
        if name in kept:
            kept[name] = [entry for entry in kept[name] if isinstance(entry, dict)]
    if "history" in kept:  # pages and programs are told when each thing was done
        kept["history"] = [entry for entry in kept["history"] if moment(str(entry.get("at", "")))]
    _check_plain(kept, ".metadata")
    return kept


def _check_plain(value: Any, place: str) -> None:
    try:
        plain_json.check(value, field="file", max_text=METADATA_CHARACTERS)
    except Invalid as fault:
        raise _Fault(f"{place}: {' '.join(map(str, fault.errors['file']))}") from fault
