"""The team's knowledge: added by anyone whose role allows it, changed by its author or by an operator."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib.problems import Forbidden, Invalid

from .. import indexing, options
from ..importing.passages import content_hash
from ..importing.rows import hold_texts
from ..importing.storing import leave_copies
from ..models import Knowledge, KnowledgeTag
from .anew import take_anew


@transaction.atomic
def add_knowledge(
    *,
    author: Any,
    title: str,
    content: str,
    source: str = "",
    tags: Iterable[str] = (),
    metadata: Mapping[str, Any] | None = None,
) -> Knowledge:
    """Store a passage; found by its words after the commit, by its meaning about a second later.

    `author` is None for what the program itself brings along. Raises Forbidden or Invalid; a text that is
    known already is Invalid, too (`duplicate`).
    """
    if author is not None and not author.has_perm("knowledge.add_knowledge"):
        raise Forbidden
    row = Knowledge(created_by=author, metadata=dict(metadata) if metadata else None)
    fill(row, title=title, content=content, source=source)
    check_new(row.content, row.title)
    row.save(force_insert=True)
    _replace_tags(row, tags)
    indexing.index(row)
    return row


@transaction.atomic
def change_knowledge(
    *,
    knowledge: Knowledge,
    by: Any,
    title: str | None = None,
    content: str | None = None,
    source: str | None = None,
    tags: Iterable[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Knowledge:
    """Change what is not None; raises Forbidden unless `by` is the author or an operator, Invalid, NotFound.

    A document that holds the former text as well keeps it, in a passage of its own.
    """
    check_may_change(knowledge, by)
    _change(knowledge, title=title, content=content, source=source, metadata=metadata)
    check_may_change(knowledge, by)  # it may have been handed to another document meanwhile
    if tags is not None:
        _replace_tags(knowledge, tags)
    return knowledge


@transaction.atomic
def renew_knowledge(
    *, knowledge: Knowledge, title: str, content: str, metadata: Mapping[str, Any]
) -> Knowledge:
    """Store the new text of a passage that the program itself brought along; raises Invalid or NotFound."""
    _change(knowledge, title=title, content=content, metadata=metadata)
    return knowledge


def _change(
    row: Knowledge,
    *,
    title: str | None = None,
    content: str | None = None,
    source: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Set what is not None, on the row as it is now, and index it anew where its text changed."""
    if content is not None or title is not None:
        keep_for_others(row, title=title, content=content)
    take_anew(row)
    before = indexing.text_of(row)
    fill(
        row,
        title=row.title if title is None else title,
        content=row.content if content is None else content,
        source=(row.source or "") if source is None else source,
    )
    if metadata is not None:
        row.metadata = dict(metadata)
    given = {"title": title, "content": content, "source": source, "metadata": metadata}
    fields = [name for name, value in given.items() if value is not None]
    row.save(update_fields=[*fields, "content_hash", "updated_at"])
    if indexing.text_of(row) != before:
        indexing.index(row)


def keep_for_others(knowledge: Knowledge, *, title: str | None, content: str | None) -> None:
    """Before a passage says what is not None: documents that hold what it said get passages of their own."""
    row = Knowledge.objects.filter(pk=knowledge.pk).only("title", "content", "content_hash").first()
    if row is None or row.content_hash is None:
        return
    title = row.title if title is None else _clean(title)
    content = row.content if content is None else _clean(content)
    if row.content_hash != hash_after(row, title=title, content=content):
        leave_copies([knowledge.pk])


def hash_after(row: Knowledge, *, title: str, content: str) -> str:
    """The hash of a passage that is to say this; one that says it already keeps the hash it has."""
    if row.content_hash and (row.title, row.content) == (title, content):
        return str(row.content_hash)
    return content_hash(content)


@transaction.atomic
def delete_knowledge(*, knowledge: Knowledge, by: Any) -> None:
    """Remove a passage with its tags, search row and vector; raises Forbidden or NotFound.

    A document that holds its text as well gets a passage of its own before.
    """
    check_may_change(knowledge, by)
    leave_copies([knowledge.pk])
    take_anew(knowledge)
    check_may_change(knowledge, by)  # it may have been handed to another document meanwhile
    knowledge.delete()
    indexing.rows_deleted(Knowledge)


@transaction.atomic
def set_tags(*, knowledge: Knowledge, by: Any, tags: Iterable[str]) -> list[str]:
    """Replace the tags; returns them as stored, sorted. Raises Forbidden or Invalid."""
    check_may_change(knowledge, by)
    return _replace_tags(knowledge, tags)


def check_may_change(knowledge: Knowledge, by: Any) -> None:
    """Raise Forbidden unless `by` is the author or an operator."""
    if not knowledge.may_be_changed_by(by):
        raise Forbidden(_("Only its author or an operator may change this."), code="not_the_author")


def fill(row: Knowledge, *, title: str, content: str, source: str) -> None:
    """Set what was given, cleaned; raises Invalid."""
    title, content, source = (_clean(text) for text in (title, content, source))
    errors: dict[str, list[Any]] = {}
    if not title:
        errors["title"] = [_("Give it a title.")]
    elif len(title) > 255:
        errors["title"] = [_("A title has at most 255 characters.")]
    if not content:
        errors["content"] = [_("Write something to be found.")]
    elif len(content) > options.LONGEST_CONTENT:
        longest = {"most": options.LONGEST_CONTENT}
        errors["content"] = [_("At most %(most)s characters. Split it into several passages.") % longest]
    if len(source) > 255:
        errors["source"] = [_("A source has at most 255 characters.")]
    if errors:
        raise Invalid(errors=errors)
    row.content_hash = hash_after(row, title=title, content=content)
    row.title, row.content, row.source = title, content, source or None


def check_new(content: str, title: str) -> None:
    """Raise Invalid (`duplicate`) for a text that is known; holds texts to the end of the transaction."""
    hold_texts()
    known = [content_hash(content), content_hash(content, title)]
    twin = Knowledge.objects.filter(content_hash__in=known).only("title").first()
    if twin is not None:
        message = _("This text is known already: “%(title)s”.") % {"title": twin.title}
        raise Invalid(message, code="duplicate", errors={"content": [message]})


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()


def clean_tags(tags: Iterable[str]) -> list[str]:
    """The tags as they are stored, sorted; raises Invalid."""
    plain = (unicodedata.normalize("NFKC", _clean(tag)).lower() for tag in tags)
    wanted = sorted({tag for tag in (" ".join(one.split()) for one in plain) if tag})
    if any(len(tag) > 50 for tag in wanted):
        raise Invalid(errors={"tags": [_("A tag has at most 50 characters.")]})
    if len(wanted) > options.MOST_TAGS:
        raise Invalid(errors={"tags": [_("At most %(most)s tags.") % {"most": options.MOST_TAGS}]})
    return wanted


def _replace_tags(row: Knowledge, tags: Iterable[str]) -> list[str]:
    wanted = clean_tags(tags)
    held = set(row.tags.values_list("tag", flat=True))
    row.tags.filter(tag__in=held - set(wanted)).delete()
    KnowledgeTag.objects.bulk_create(
        [KnowledgeTag(knowledge=row, tag=tag) for tag in wanted if tag not in held], ignore_conflicts=True
    )
    getattr(row, "_prefetched_objects_cache", {}).pop("tags", None)
    return wanted
