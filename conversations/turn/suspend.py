"""A turn that cannot go on now lets go of its worker; `conversations.waiting` takes it up again."""

from __future__ import annotations

from django.db import transaction

from system.models import TaskQueue, TaskStatus

from ..models import AnswerStatus
from ..waiting import go_on_or_wait
from .state import State, Stopped


def suspend(state: State) -> None:
    """Let the answer wait; if everything has ended meanwhile, it goes on at once.

    Raises Stopped if the person has asked for that, LostTurn if another worker has the turn.
    """
    state.draft.flush()
    state.write_down()
    earlier = state.facts.get("waits", {"number": 0})
    state.facts["waits"] = {
        "number": earlier["number"] + 1,
        "language": state.language,
        "session_id": state.session.pk if state.session else None,
    }
    with transaction.atomic():
        state.facts["status"] = AnswerStatus.WAITING
        state.save()  # holds the row: who stops the turn or ends an execution comes before or after
        if TaskQueue.objects.filter(pk=state.task.id, status=TaskStatus.CANCELED).exists():
            raise Stopped
        go_on_or_wait(state.answer)
