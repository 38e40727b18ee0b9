"""Work done outside of requests."""

from system import queue

from .models import EmotionAnalysis


@queue.on_event("messages.deleted")
def forget_analyses(task: queue.TaskRun, *, target_type: str, target_ids: list[str]) -> None:
    """Analyses of rows that are gone go with them; the person's own history of emotions stays."""
    EmotionAnalysis.objects.filter(target_type=target_type, target_id__in=target_ids).delete()
