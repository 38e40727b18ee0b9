"""Two memories that may contradict each other: the person says which one holds."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, Invalid, NotFound

from ...holding import hold_memory
from ...models import MemoryQuestion, MemoryRelation, QuestionAnswer, RelationType
from ..anew import take_memories
from .checks import note
from .relating import link, supersede


def doubts_among(*, owner: Any, ids: Collection[str]) -> list[tuple[str, str]]:
    """Pairs (newer, earlier) among these memories of a person that still await their answer; one query."""
    if len(ids) < 2:
        return []
    rows = MemoryQuestion.objects.for_user(owner).pending()
    return list(rows.filter(newer__in=ids, older__in=ids).order_by("pk").values_list("newer_id", "older_id"))


@transaction.atomic
def answer_question(*, question: MemoryQuestion, by: Any, answer: str) -> MemoryQuestion:
    """Keep the newer memory, the earlier one, or both; the other is replaced. The next turn obeys.

    Raises NotFound for another's question, Invalid for another answer, Conflict if it is answered already.
    """
    if question.user_id != by.pk:
        raise NotFound
    if answer not in QuestionAnswer.values:
        known = ", ".join(QuestionAnswer.values)
        raise Invalid(errors={"answer": [_("Choose one of: %(known)s.") % {"known": known}]})
    hold_memory(user_id=by.pk)
    # The memories before the question: whoever removes a memory removes its questions after it.
    held = take_memories([question.newer_id, question.older_id])
    row = MemoryQuestion.objects.select_for_update().filter(pk=question.pk).first()
    if row is None:
        raise NotFound
    if row.answer is not None:
        raise Conflict(_("This question is answered already."), code="answered_already")
    newer, older = held[row.newer_id], held[row.older_id]
    between = MemoryRelation.objects.filter(
        source_memory=newer, target_memory=older, relation_type=RelationType.CONTRADICTS
    )
    strength = between.values_list("strength", flat=True).first()
    between.delete()
    if answer == QuestionAnswer.KEEP_NEW:
        supersede(newer=newer, older=older, **({"strength": strength} if strength is not None else {}))
    elif answer == QuestionAnswer.KEEP_OLD:
        supersede(newer=older, older=newer, **({"strength": strength} if strength is not None else {}))
        note(newer, "kept_old", memory=older.pk)
        newer.save(update_fields=["metadata", "updated_at"])
    else:
        for one, other in ((newer, older), (older, newer)):
            note(one, "kept_both", memory=other.pk)
            one.save(update_fields=["metadata", "updated_at"])
        link(newer, older, RelationType.RELATED_TO, strength or newer.importance or Decimal("0.50"))
    row.answer, row.answered_at = answer, timezone.now()
    row.save(update_fields=["answer", "answered_at"])
    found: MemoryQuestion = row
    return found
