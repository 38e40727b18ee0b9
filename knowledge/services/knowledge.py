"""The team's knowledge: added by anyone whose role allows it, changed by its author or by an operator."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib import vectors
from agi_site.lib.problems import Forbidden, Invalid

from .. import indexing, options
from ..models import Knowledge, KnowledgeTag


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

    `author` is None for what the program itself brings along. Raises Forbidden or Invalid.
    """
    if author is not None and not author.has_perm("knowledge.add_knowledge"):
        raise Forbidden
    row = Knowledge(created_by=author, metadata=dict(metadata) if metadata else None)
    _fill(row, title=title, content=content, source=source)
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
    """Change what is not None; raises Forbidden unless `by` is the author or an operator, or Invalid."""
    _check_may_change(knowledge, by)
    before = indexing.text_of(knowledge)
    _fill(
        knowledge,
        title=knowledge.title if title is None else title,
        content=knowledge.content if content is None else content,
        source=(knowledge.source or "") if source is None else source,
    )
    if metadata is not None:
        knowledge.metadata = dict(metadata)
    knowledge.save(update_fields=["title", "content", "source", "metadata", "updated_at"])
    if tags is not None:
        _replace_tags(knowledge, tags)
    if indexing.text_of(knowledge) != before:
        indexing.index(knowledge)
    return knowledge


@transaction.atomic
def renew_knowledge(*, knowledge: Knowledge, title: str, content: str) -> Knowledge:
    """Store the new text of a passage that the program itself brought along; raises Invalid."""
    _fill(knowledge, title=title, content=content, source=knowledge.source or "")
    knowledge.save(update_fields=["title", "content", "metadata", "updated_at"])
    indexing.index(knowledge)
    return knowledge


@transaction.atomic
def delete_knowledge(*, knowledge: Knowledge, by: Any) -> None:
    """Remove a passage with its tags, search row and vector; raises Forbidden."""
    _check_may_change(knowledge, by)
    knowledge.delete()
    transaction.on_commit(lambda: vectors.touch(Knowledge))


@transaction.atomic
def set_tags(*, knowledge: Knowledge, by: Any, tags: Iterable[str]) -> list[str]:
    """Replace the tags; returns them as stored, sorted. Raises Forbidden or Invalid."""
    _check_may_change(knowledge, by)
    return _replace_tags(knowledge, tags)


def _check_may_change(knowledge: Knowledge, by: Any) -> None:
    if not knowledge.may_be_changed_by(by):
        raise Forbidden(_("Only its author or an operator may change this."), code="not_the_author")


def _fill(row: Knowledge, *, title: str, content: str, source: str) -> None:
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
    row.title, row.content, row.source = title, content, source or None


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()


def _replace_tags(row: Knowledge, tags: Iterable[str]) -> list[str]:
    wanted = sorted({tag for tag in (" ".join(_clean(tag).lower().split()) for tag in tags) if tag})
    if any(len(tag) > 50 for tag in wanted):
        raise Invalid(errors={"tags": [_("A tag has at most 50 characters.")]})
    if len(wanted) > options.MOST_TAGS:
        raise Invalid(errors={"tags": [_("At most %(most)s tags.") % {"most": options.MOST_TAGS}]})
    held = set(row.tags.values_list("tag", flat=True))
    row.tags.filter(tag__in=held - set(wanted)).delete()
    KnowledgeTag.objects.bulk_create(
        [KnowledgeTag(knowledge=row, tag=tag) for tag in wanted if tag not in held], ignore_conflicts=True
    )
    getattr(row, "_prefetched_objects_cache", {}).pop("tags", None)
    return wanted
