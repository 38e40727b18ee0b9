"""The turn: what happens between a person's message and the assistant's answer.

It runs as one outbox task. Each step adds to the `State` and tells the open pages by events; the answer's row
grows as the text does, so whatever happens, what was written stays. Running a finished turn again does
nothing; running an interrupted one keeps its draft and goes on after its last round of tools. A turn whose
tools wait for somebody ends its task and is queued again when they have ended (`waiting`).
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from agi_site.lib.engines.base import EngineError
from system.queue import TaskRun

from ..models import AnswerStatus
from .answer import answer
from .conclude import conclude, explain, remember
from .decide import decide
from .perceive import perceive
from .recall import recall
from .state import LostTurn, State, Stopped, Waiting
from .suspend import suspend
from .tooling import take_up

logger = logging.getLogger(__name__)

__all__ = ["run"]


def run(task: TaskRun, *, answer_id: str, language: str, session_id: str | None) -> None:
    """Write the answer `answer_id`, in a worker; `language` is that of the person's pages."""
    with translation.override(language):
        state = State.open(task, answer_id=answer_id, language=language, session_id=session_id)
        if state is None:
            return
        try:
            perceive(state)
            recall(state)
            decide(state)
            if _answered(state):
                with transaction.atomic():
                    explain(state)
                    remember(state)
                    conclude(state, AnswerStatus.COMPLETE)
        except Stopped:
            conclude(state, AnswerStatus.STOPPED)
        except EngineError as error:
            conclude(state, AnswerStatus.FAILED, code=error.kind, text=error.message)
        except LostTurn:
            logger.warning("Turn %s goes on in another worker; this one lets go of it.", answer_id)
        except Exception:
            if task.last_attempt:
                text = _("Something went wrong while answering. What was written is kept; try again.")
                conclude(state, AnswerStatus.INCOMPLETE, code="internal", text=text)
            raise


def _answered(state: State) -> bool:
    """Write the answer to its end; False if it has to wait for something first."""
    try:
        take_up(state)
        answer(state)
    except Waiting:
        suspend(state)
        return False
    return True
