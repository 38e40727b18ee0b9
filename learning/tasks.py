"""Work done outside of requests: examples from feedback, and forgetting those whose feedback is gone."""

from typing import Any

from django.db.models import Exists, OuterRef

from agi_site.lib import targets
from agi_site.lib.problems import Problem
from system import queue

from . import registry
from .models import Feedback, LearningData

CONSENT = "The person rated this themselves; withdrawing the feedback deletes the example."
_BATCH = 500


@queue.task_type("learning.example_from_feedback", transactional=True, time_limit=60)
def example_from_feedback(task: queue.TaskRun, *, feedback_id: str) -> dict[str, Any]:
    """Bring the example of one feedback in line with it; an example carries its feedback's id.

    The example goes when the feedback is withdrawn, has no rating any more, or its row is gone.
    """
    feedback = Feedback.objects.select_related("user").filter(pk=feedback_id).first()
    example = _example(feedback) if feedback else None
    if feedback is None or example is None:
        deleted, _by_model = LearningData.objects.filter(pk=feedback_id).delete()
        return {"deleted": deleted}
    consent = {"basis": "feedback", "given_at": feedback.created_at.isoformat(), "note": CONSENT}
    about = {"entity_type": feedback.entity_type, "entity_id": feedback.entity_id, "rating": feedback.rating}
    LearningData.objects.update_or_create(
        pk=feedback_id,
        defaults={
            "type": example.type,
            "input_data": example.input_data,
            "output_data": example.output_data,
            "metadata": example.metadata | about | {"feedback_id": feedback_id, "consent": consent},
        },
    )
    return {"learning_data": feedback_id}


@queue.periodic("learning.forget_withdrawn", every=3600)
def forget_withdrawn() -> int:
    """Delete examples whose feedback the database removed together with its person's account."""
    kept = Feedback.objects.filter(pk=OuterRef("pk"))
    orphans = LearningData.objects.filter(metadata__has_key="feedback_id").exclude(Exists(kept))
    ids = list(orphans.order_by("pk").values_list("pk", flat=True)[:_BATCH])
    deleted, _by_model = LearningData.objects.filter(pk__in=ids).delete()
    return int(deleted)


def _example(feedback: Feedback) -> registry.Example | None:
    if feedback.rating is None:
        return None
    try:
        row = targets.resolve(
            target_type=feedback.entity_type, target_id=feedback.entity_id, user=feedback.user
        )
    except Problem:
        return None
    return registry.make(feedback.entity_type, row)


@queue.on_event("messages.deleted")
def forget_feedback(task: queue.TaskRun, *, target_type: str, target_ids: list[str]) -> None:
    """Feedback on rows that are gone, and the examples made of it, go with them."""
    rows = Feedback.objects.filter(entity_type=target_type, entity_id__in=target_ids)
    ids = list(rows.values_list("pk", flat=True))
    LearningData.objects.filter(pk__in=ids).delete()
    rows.delete()
