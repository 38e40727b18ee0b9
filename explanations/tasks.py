"""Work done outside of requests."""

from system import queue

from .models import Explanation


@queue.on_event("messages.deleted")
def forget_explanations(task: queue.TaskRun, *, target_type: str, target_ids: list[str]) -> None:
    """Explanations of rows that are gone go with them."""
    Explanation.objects.filter(target_type=target_type, target_id__in=target_ids).delete()
