"""Learning from people: their feedback, the examples made of it, and which model version is in use."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import plain_json, targets
from agi_site.lib.problems import Conflict, Invalid
from system import queue

from .models import LEGAL_MOVES, Feedback, ModelVersion, TrainingJob

RATINGS = range(1, 6)
THUMB_UP, THUMB_DOWN = 5, 1
MAX_COMMENT = 10_000


@transaction.atomic
def give_feedback(
    *, user: Any, entity_type: str, entity_id: str, rating: int | None = None, comment: str = ""
) -> Feedback:
    """Keep what `user` thinks of a row they may see: one feedback per person and row, which may change.

    `rating` is 1 to 5 (a thumb up is 5, down 1). Raises Invalid (unknown type, neither rating nor comment,
    rating out of range, comment too long) and NotFound (a row `user` may not see).
    """
    _check(rating=rating, comment=comment)
    targets.resolve(target_type=entity_type, target_id=entity_id, user=user)
    # One at a time per person: two thumbs at once would make two rows, and no constraint may stop them.
    get_user_model().objects.select_for_update().filter(pk=user.pk).first()
    values = {"rating": rating, "comment": comment.strip() or None}
    feedback: Feedback
    feedback, _created = Feedback.objects.update_or_create(
        user=user, entity_type=entity_type, entity_id=entity_id, defaults=values
    )
    queue.enqueue(task_type="learning.example_from_feedback", payload={"feedback_id": feedback.pk})
    queue.announce("learning.feedback_given", {"feedback_id": feedback.pk})
    return feedback


@transaction.atomic
def withdraw_feedback(*, feedback: Feedback) -> None:
    """Take feedback back, and with it the example that was made of it."""
    feedback_id = feedback.pk
    feedback.delete()
    queue.enqueue(task_type="learning.example_from_feedback", payload={"feedback_id": feedback_id})


@transaction.atomic
def activate_version(*, version: ModelVersion) -> ModelVersion:
    """Put a model version in use; every other version of that model goes out of use in the same moment."""
    siblings = ModelVersion.objects.select_for_update().filter(model_name=version.model_name)
    list(siblings.order_by("pk").values_list("pk"))  # locks them, so that two activations follow each other
    siblings.exclude(pk=version.pk).filter(is_active=True).update(is_active=False)
    version.is_active = True
    version.save(update_fields=["is_active"])
    return version


def active_version(model_name: str) -> ModelVersion | None:
    """The version of a model that is in use, if any."""
    found: ModelVersion | None = ModelVersion.objects.filter(model_name=model_name, is_active=True).first()
    return found


def move_job(*, job: TrainingJob, to: str, **values: Any) -> TrainingJob:
    """Move a training job to its next state; raises Conflict for a move that is not legal now."""
    stamp = {"running": "started_at", "completed": "completed_at", "failed": "completed_at"}.get(to)
    if stamp:
        values.setdefault(stamp, timezone.now())
    sources = [state for state, following in LEGAL_MOVES.items() if to in following]
    if not TrainingJob.objects.filter(pk=job.pk, status__in=sources).update(status=to, **values):
        job.refresh_from_db()
        message = _("A training job that is %(status)s cannot become %(to)s.")
        raise Conflict(message % {"status": job.get_status_display(), "to": to}, code="illegal_move")
    job.refresh_from_db()
    return job


def _check(*, rating: int | None, comment: str) -> None:
    faults: dict[str, list[str]] = {}
    if rating is not None and rating not in RATINGS:
        faults["rating"] = [_("A rating is a whole number from 1 to 5.")]
    if fault := plain_json.fault_in_text(comment):
        faults["comment"] = [fault]
    elif len(comment) > MAX_COMMENT:
        faults["comment"] = [_("At most %(most)s characters.") % {"most": MAX_COMMENT}]
    if rating is None and not comment.strip():
        faults["rating"] = [_("Give a rating, a comment, or both.")]
    if faults:
        raise Invalid(errors=faults)
