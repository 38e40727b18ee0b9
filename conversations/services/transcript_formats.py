"""Files of conversations: what is written here, and what other programs write."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid, TooLarge

from ..models import MessageRole
from .pictures import MOST_PICTURES

FORMAT = "agi-site/conversations"
VERSION = 1
MOST_BYTES = 20_000_000
MOST_CONVERSATIONS = 500
MOST_MESSAGES = 20_000
LONGEST_MESSAGE = 200_000
LONGEST_TITLE = 200
LONGEST_NAME = 255
MOST_PICTURES_OF_A_FILE = 100
PICTURES_BYTES = 14_000_000  # of base64 in one file, so that it is not too large to be taken in
ROLES = (MessageRole.USER.value, MessageRole.ASSISTANT.value)


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture of a file; without data where the file only names it."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a file."""

    role: str
    content: str
    created_at: datetime | None = None
    model: str = ""
    pictures: tuple[PictureFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """One conversation of a file; "" where it has no title."""

    title: str
    messages: list[Said]


def read(document: Any) -> list[Transcript]:
    """The conversations of a parsed file that say something; raises Invalid or TooLarge."""
    if isinstance(document, dict) and document.get("format") == FORMAT:
        if document.get("version") != VERSION:
            raise Invalid(_("This file was made by a newer version of this program."), code="unknown_version")
        given, messages_of = document.get("conversations"), _own
    else:
        given = document if isinstance(document, list) else [document]
        messages_of = _chatgpt
    if not isinstance(given, list):
        raise Invalid(_("The file holds no list of conversations."), code="unknown_format")
    if len(given) > MOST_CONVERSATIONS:
        raise TooLarge(_("A file has at most %(most)d conversations.") % {"most": MOST_CONVERSATIONS})
    found, count = [], 0
    for one in given:
        if not isinstance(one, dict):
            raise Invalid(_("A conversation of the file has no messages."), code="unknown_format")
        messages = [said for said in messages_of(one) if said.content.strip() or said.pictures]
        count += len(messages)
        if count > MOST_MESSAGES:
            raise TooLarge(_("A file has at most %(most)d messages.") % {"most": MOST_MESSAGES})
        if messages:
            found.append(Transcript(" ".join(_text(one.get("title")).split())[:LONGEST_TITLE], messages))
    if not found:
        raise Invalid(_("The file holds no messages."), code="no_messages")
    return found


def _own(one: Mapping[str, Any]) -> Iterator[Said]:
    given = one.get("messages")
    if not isinstance(given, list):
        raise Invalid(_("A conversation of the file has no messages."), code="unknown_format")
    for said in given:
        if (
            not isinstance(said, dict)
            or said.get("role") not in ROLES
            or not isinstance(said.get("content"), str)
        ):
            raise Invalid(_("A message of the file has no role or no content."), code="unknown_format")
        yield Said(
            said["role"],
            _text(said["content"]),
            _moment(said.get("created_at")),
            _text(said.get("model"))[:200],
            _pictures(said.get("pictures")) if said["role"] == MessageRole.USER else (),
        )


def _pictures(given: Any) -> tuple[PictureFile, ...]:
    """The pictures of a message, as `{"name", "data"}` with data in base64."""
    if given is None:
        return ()
    refused = Invalid(_("A picture of the file has no name or cannot be read."), code="unknown_format")
    if not isinstance(given, list) or len(given) > MOST_PICTURES:
        raise refused
    found = []
    for one in given:
        if not isinstance(one, dict) or not isinstance(one.get("data", ""), str):
            raise refused
        try:
            data = base64.b64decode(one.get("data", ""), validate=True)
        except (binascii.Error, ValueError):
            raise refused from None
        found.append(PictureFile(_text(one.get("name"))[:LONGEST_NAME], data))
    return tuple(found)


def _chatgpt(one: Mapping[str, Any]) -> Iterator[Said]:
    """A tree of nodes, of which the branch that ends in `current_node` is what the person saw."""
    nodes, at = one.get("mapping"), one.get("current_node")
    if not isinstance(nodes, dict):
        raise Invalid(_("The file is of no known form."), code="unknown_format")
    branch: list[Said] = []
    seen: set[str] = set()
    while isinstance(at, str) and at not in seen and isinstance(nodes.get(at), dict):
        seen.add(at)
        message = nodes[at].get("message")
        if isinstance(message, dict) and (said := _chatgpt_message(message)) is not None:
            branch.append(said)
        at = nodes[at].get("parent")
    yield from reversed(branch)


def _chatgpt_message(message: Mapping[str, Any]) -> Said | None:
    author, content = _mapping(message.get("author")), _mapping(message.get("content"))
    parts = content.get("parts")
    if author.get("role") not in ROLES or content.get("content_type") not in ("text", "multimodal_text"):
        return None
    texts = [_text(part) for part in parts if isinstance(part, str)] if isinstance(parts, list) else []
    model = _text(_mapping(message.get("metadata")).get("model_slug"))[:200]
    return Said(
        author["role"], "\n\n".join(texts)[:LONGEST_MESSAGE], _moment(message.get("create_time")), model
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    """A text as databases store it: without halves of characters, and not endless."""
    given = value if isinstance(value, str) else ""
    return given.encode("utf-8", "ignore").decode().replace("\x00", "")[:LONGEST_MESSAGE]


def _moment(value: Any) -> datetime | None:
    """A moment given as ISO 8601 or in seconds since 1970; None for anything else."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            found: datetime | None = datetime.fromtimestamp(value, UTC)
        else:
            found = parse_datetime(value) if isinstance(value, str) else None
        if found is not None and is_naive(found):
            found = make_aware(found, UTC)
        found = found.astimezone(UTC) if found else None
    except (ValueError, OverflowError, OSError):
        return None
    return found if found and 1970 <= found.year <= 2100 else None
