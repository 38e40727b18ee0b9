"""Receipts: what was retrieved, used and cited for an answer, read as things are now.

A receipt names its row and holds none of its text. What a page or program shows of a row is read when it
is shown: a corrected memory appears corrected, a forgotten one as forgotten, with nothing of what it said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from agi_site.lib.ids import moment_of
from knowledge.models import Knowledge, Memory, MemoryQuestion
from media.models import ImageMetadata

from .forgetting import take_out
from .links import address_of
from .models import Message, RecalledKind, RecallReceipt
from .querysets import Said

FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Recalled:
    """How much of each kind an answer's prompt held."""

    memories: int = 0
    passages: int = 0

    @property
    def total(self) -> int:
        """How many together."""
        return self.memories + self.passages


@dataclass(frozen=True, slots=True)
class Line:
    """One receipt as it is shown. `row` is None for what is forgotten, deleted or hidden from the reader."""

    receipt: RecallReceipt
    row: Memory | Knowledge | None
    may_change: bool = False

    @property
    def state(self) -> str:
        """ "current"; of a memory also "replaced", "archived", "coming"; "forgotten" where there is none."""
        return FORGOTTEN if self.row is None else str(getattr(self.row, "state", "current"))

    @property
    def title(self) -> str:
        """The type of a memory, the title of a passage, "" for what is gone."""
        if isinstance(self.row, Memory):
            return str(self.row.get_type_display())
        return str(self.row.title) if self.row is not None else ""

    @property
    def content(self) -> str:
        """What the row says now."""
        return str(self.row.content) if self.row is not None else ""

    @property
    def url(self) -> str:
        """The page of the row."""
        return address_of(self.receipt.kind, self.receipt.row_id) if self.row is not None else ""


@dataclass(slots=True)
class Groups:
    """The lines of an answer: cited; in the prompt, but not cited; found, but not put into the prompt."""

    cited: list[Line] = field(default_factory=list)
    used: list[Line] = field(default_factory=list)
    retrieved: list[Line] = field(default_factory=list)

    @property
    def any(self) -> bool:
        """Whether there is a line at all."""
        return bool(self.cited or self.used or self.retrieved)


def lines_of(message: Message, *, user: Any) -> list[Line]:
    """The receipts of an answer, best rank first, with what their rows say now; three queries."""
    return lines(list(message.receipts.order_by("rank", "pk")), user=user)


def lines(receipts: Sequence[RecallReceipt], *, user: Any) -> list[Line]:
    """The receipts with their rows, as far as `user` may see them; a query for each kind of row."""
    ids: dict[str, list[str]] = {}
    for receipt in receipts:
        ids.setdefault(receipt.kind, []).append(receipt.row_id)
    memories = _rows(Memory.objects.for_user(user), ids.get(RecalledKind.MEMORY, []))
    passages = _rows(Knowledge.objects.for_user(user), ids.get(RecalledKind.KNOWLEDGE, []))
    runs_the_house = bool(passages) and _may_change_all(user)
    found: list[Line] = []
    for receipt in receipts:
        if receipt.kind == RecalledKind.MEMORY:
            memory = memories.get(receipt.row_id)
            found.append(Line(receipt, memory, may_change=memory is not None))
        else:
            passage = passages.get(receipt.row_id)
            mine = passage is not None and (runs_the_house or passage.created_by_id == user.pk)
            found.append(Line(receipt, passage, may_change=mine))
    return found


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """A picture of the conversation, and whether it went to the model. `image` is None for a deleted one."""

    id: str
    image: ImageMetadata | None
    seen: bool


def seen_pictures(message: Message, *, user: Any) -> list[SeenPicture]:
    """Which pictures went to an answer's model, and which did not; a query where there were some."""
    told = message.pictures_told
    ids: list[str] = [*told.get("seen", []), *told.get("unseen", [])]
    if not ids:
        return []
    images = ImageMetadata.objects.for_user(user).defer("embedding").in_bulk([pk for pk in ids if pk])
    seen = set(told.get("seen", []))
    return [SeenPicture(pk, images.get(pk), pk in seen) for pk in ids]


def grouped(found: Iterable[Line]) -> Groups:
    """The lines by what became of them."""
    groups = Groups()
    for line in found:
        receipt = line.receipt
        kind = groups.cited if receipt.cited else groups.used if receipt.used else groups.retrieved
        kind.append(line)
    return groups


def attach_receipts(messages: Sequence[Message], *, user_id: int) -> None:
    """Put on each answer what it used (`recalled`), what the memories it cites say now, and whether the
    person has still to say which of them hold (`in_doubt`); three queries.
    """
    answers = {row.pk: row for row in messages if row.role == "assistant"}
    if not answers:
        return
    used = RecallReceipt.objects.filter(message__in=list(answers), used=True)
    counts = Counter(used.values_list("message_id", "kind"))
    wanted = {cited["id"] for row in answers.values() for cited in row.citations if cited["kind"] == "memory"}
    said = _first_words(wanted, user_id) if wanted else {}
    doubted = _in_doubt(wanted, user_id) if wanted else set()
    for pk, row in answers.items():
        row.recalled = Recalled(counts[pk, RecalledKind.MEMORY], counts[pk, RecalledKind.KNOWLEDGE])
        row.memory_titles = said
        row.in_doubt = any(cited["id"] in doubted for cited in row.citations)


def keep_receipts(
    message: Message,
    drafts: Sequence[Mapping[str, Any]],
    *,
    numbers: Mapping[tuple[str, str], int],
    cited: Iterable[int],
) -> None:
    """Store what was retrieved for an answer, in place of what an earlier attempt stored.

    `drafts` in order of rank; `numbers`: citation numbers of what went into the prompt, by kind and id.
    """
    cites = set(cited)
    rows: dict[tuple[str, str], RecallReceipt] = {}
    for rank, draft in enumerate(drafts, start=1):
        key = (str(draft["kind"]), str(draft["id"]))
        number = numbers.get(key)
        rows.setdefault(
            key,
            RecallReceipt(
                message=message,
                kind=key[0],
                row_id=key[1],
                number=number,
                rank=rank,
                score=float(draft["score"]),
                parts=dict(draft["parts"]),
                used=number is not None,
                cited=number in cites,
                tool=str(draft.get("tool", ""))[:100],
            ),
        )
    if int(message.facts.get("attempt", 1)) > 1:
        RecallReceipt.objects.filter(message=message).delete()
    RecallReceipt.objects.bulk_create(rows.values())
    ids = {row_id for kind, row_id in rows if kind == RecalledKind.MEMORY}
    if ids and message.tools:  # one that was forgotten meanwhile has no receipt yet by which it is found
        gone = ids - set(Memory.objects.filter(pk__in=ids).values_list("pk", flat=True))
        if gone:
            take_out(user_id=message.conversation.user_id, ids=gone)


def _rows(queryset: Any, ids: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = queryset.defer("embedding").in_bulk(list(ids)) if ids else {}
    return found


def _may_change_all(user: Any) -> bool:
    return bool(user.has_perm("admin.access") and user.has_perm("knowledge.change_knowledge"))


def _first_words(ids: set[str], user_id: int) -> dict[str, str]:
    rows = Memory.objects.filter(user_id=user_id, pk__in=ids)
    return {pk: content[:80] for pk, content in rows.values_list("pk", "content")}


def _in_doubt(ids: set[str], user_id: int) -> set[str]:
    """Memories of which the person has still to say whether they, or others, hold."""
    rows = MemoryQuestion.objects.filter(user_id=user_id).pending()
    found = rows.filter(Q(newer__in=ids) | Q(older__in=ids)).values_list("newer_id", "older_id")
    return {key for pair in found for key in pair}


def references_of(user: Any) -> Iterator[dict[str, Any]]:
    """The person's receipts of memories, for the file of all they are remembered by: references, no text."""
    rows = RecallReceipt.objects.for_user(user).filter(kind=RecalledKind.MEMORY).order_by("pk")
    columns = ("row_id", "message_id", "rank", "score", "used", "cited")
    for row_id, message_id, rank, score, used, cited in rows.values_list(*columns).iterator():
        told = {"memory": row_id, "message": message_id, "rank": rank, "score": score}
        yield told | {"used": used, "cited": cited}


def outdated(rows: Iterable[Said]) -> bool:
    """Whether one of these messages cites a memory that was changed or forgotten after it; one query."""
    cited = {
        (one["id"], moment_of(row.pk))
        for row in rows
        if row.role == "assistant"
        for one in (row.metadata or {}).get("citations", [])
        if one["kind"] == RecalledKind.MEMORY
    }
    if not cited:
        return False
    found = Memory.objects.filter(pk__in={pk for pk, _when in cited})
    changed = dict(found.values_list("pk", "updated_at"))
    return any(pk not in changed or (changed[pk] is not None and changed[pk] > when) for pk, when in cited)
