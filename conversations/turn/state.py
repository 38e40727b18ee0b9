"""What a turn knows and has done so far, and how it tells the world."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import Session, User
from agi_site.lib import events
from agi_site.lib.engines.base import Analysis, ChatMessage, EngineError, Passage, ToolSpec, Vector
from agi_site.lib.ids import uuid7
from system.models import TaskQueue, TaskStatus
from system.queue import TaskRun

from ..models import AnswerStatus, Conversation, ConversationStatus, Message
from ..querysets import channel_of
from ..settle import close
from .draft import Draft
from .gallery import Gallery

STOP_LOOK_SECONDS = 0.2

STAGES = {
    "perceive": _("Reading your message"),
    "recall": _("Recalling what is known"),
    "decide": _("Thinking about how to answer"),
    "answer": _("Answering"),
    "explain": _("Noting why"),
    "remember": _("Remembering"),
}


class Stopped(Exception):
    """The person has stopped the turn."""


class LostTurn(Exception):
    """Another worker has taken the turn over, or its conversation is gone."""


class Waiting(Exception):
    """The turn cannot go on before something has ended: a person's decision, a plan's run."""


@dataclass
class State:
    """One turn at work. `facts` becomes the answer's metadata; the rest is for the steps."""

    task: TaskRun
    conversation: Conversation
    user: User
    session: Session | None
    question: Message
    answer: Message
    facts: dict[str, Any]
    language: str
    vector: Vector | None = None
    analysis: Analysis | None = None
    context: dict[str, Any] = field(default_factory=dict)
    strategy: str = ""
    remembers: bool = True  # whether memory is on here
    not_kept: str = ""  # why what the person asks to be remembered, or recalled, is not
    only_tells: bool = False  # whether the message says what is remembered, and asks for nothing
    passages: list[Passage] = field(default_factory=list)
    # Numbers (newer, earlier) of memories among them that may contradict each other.
    doubts: list[tuple[int, int]] = field(default_factory=list)
    # What was retrieved, best first: kind, id, score, parts, tool; none of its text.
    receipts: list[dict[str, Any]] = field(default_factory=list)
    messages: list[ChatMessage] = field(default_factory=list)
    tools: Sequence[ToolSpec] = ()
    gallery: Gallery = field(default_factory=lambda: Gallery(lambda: False))
    # Writes that can wait until the answer has begun.
    later: list[Callable[[], None]] = field(default_factory=list)
    # The oldest message that still fitted the window, where older ones did not.
    window_starts_at: str | None = None
    # How many rounds of tools are done.
    rounds: int = 0

    def __post_init__(self) -> None:
        self.draft = Draft(publish=self._publish_delta, save=self.save)
        self._looked_at = time.monotonic()
        self._thread = threading.get_ident()

    @classmethod
    def open(cls, task: TaskRun, *, answer_id: str, language: str, session_id: str | None) -> State | None:
        """Take the turn up; None if there is nothing left to do."""
        rows = Message.objects.select_related("conversation__user").light()
        answer = rows.filter(pk=answer_id).first()
        if answer is None or not answer.is_running:
            return None
        conversation = answer.conversation
        if conversation.status == ConversationStatus.DELETED:
            return None
        if task.cancelled():
            close(answer, AnswerStatus.STOPPED)
            return None
        question = Message.objects.filter(pk=answer.facts["reply_to"]).first()
        if question is None:
            close(answer, AnswerStatus.INCOMPLETE)
            return None
        session = Session.objects.filter(pk=session_id).first() if session_id else None
        user = conversation.user
        state = cls(task, conversation, user, session, question, answer, dict(answer.facts), language)
        state._begin()
        return state

    @property
    def reply_language(self) -> str:
        """The language to answer in: the message's, or that of the person's pages where it shows none."""
        seen = self.analysis.language if self.analysis else "und"
        return seen if seen != "und" else self.language

    def publish(self, event: str, **data: Any) -> str:
        """Tell the open pages something about this answer; returns the event's id."""
        named = {"message_id": self.answer.pk} | data
        return events.publish(channel_of(self.conversation.pk), event, named)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A step of the turn: told to the pages, timed, and not begun once the person has stopped."""
        self.check_stop()
        self.publish("turn.stage", stage=name, label=str(STAGES[name]))
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - started) * 1000
            timings = self.facts.setdefault("timings", {})
            timings[name] = round(timings.get(name, 0.0) + spent, 1)

    def check_stop(self) -> None:
        """Go on, or raise why not: Stopped (by the person), LostTurn (to a worker), EngineError (time)."""
        if not self.stop_requested():
            return
        row = TaskQueue.objects.filter(pk=self.task.id).values_list("status", flat=True).first()
        if row == TaskStatus.CANCELED:
            raise Stopped
        if self.task.overdue:
            raise EngineError("timeout", _("The answer took too long and was given up. Try again."))
        raise LostTurn

    def stop_requested(self) -> bool:
        """Whether this turn should end here; asks the queue a few times a second at most.

        Other threads (tools, engines) get what the turn's own thread has last seen.
        """
        now = time.monotonic()
        mine = threading.get_ident() == self._thread
        if mine and not self.task.stop.is_set() and now - self._looked_at >= STOP_LOOK_SECONDS:
            self._looked_at = now
            if not TaskQueue.objects.held(self.task.id, self.task.worker).exists() or self.task.overdue:
                self.task.stop.set()
        return self.task.stop.is_set()

    @property
    def next_number(self) -> int:
        """The number by which one more passage can be cited: no passage ever had it in this answer."""
        taken = [passage.number for passage in self.passages]
        taken += [cited["n"] for cited in self.facts.get("citations", [])]
        return 1 + max(taken, default=0)

    def keep_recalled(self) -> None:
        """Note the passages for when the turn is taken up again; memories without text, to be read anew."""
        self.facts["receipts"] = self.receipts
        self.facts["recalled"] = [
            asdict(passage) | ({"title": "", "content": ""} if passage.kind == "memory" else {})
            for passage in self.passages
        ]

    def write_down(self) -> None:
        """Do the writes that have waited."""
        while self.later:
            self.later.pop(0)()

    def save(self) -> None:
        """Write the answer as it stands; raises LostTurn if it is no longer this worker's."""
        self.facts["event_id"] = self.draft.event_id
        self.answer.content, self.answer.metadata = self.draft.text, self.facts
        mine = Message.objects.filter(pk=self.answer.pk, metadata__run=self.facts["run"])
        if not mine.update(content=self.draft.text, metadata=self.facts):
            raise LostTurn

    def _begin(self) -> None:
        """Mark the attempt, and take up what stands: the text up to the last round of tools.

        Text that an earlier attempt wrote after it is kept as a draft, and told to be dropped.
        """
        self.facts["attempt"] = self.facts.get("attempt", 0) + 1
        self.facts["run"] = uuid7()
        self.facts["status"] = AnswerStatus.STREAMING
        self.draft.event_id = self.facts.get("event_id", events.START)
        tools = self.facts.get("tools", [])
        stands = self.answer.content[: tools[-1]["at"]] if tools else ""
        dropped = self.answer.content[len(stands) :]
        self.draft.begin_with(stands)
        cited = self.facts.pop("citations", [])
        if kept := [passage for passage in cited if f"[{passage['n']}]" in stands]:
            self.facts["citations"] = kept
        if dropped:
            self.facts["drafts"] = [*self.facts.get("drafts", []), dropped]
            self.draft.event_id = self.publish("message.reset")
            if stands:
                self.draft.event_id = self._publish_delta(0, stands)
        if self.facts["attempt"] > 1 and not tools:
            for name in ("timings", "usage"):
                self.facts.pop(name, None)
        self.facts["event_id"] = self.draft.event_id
        self.answer.content, self.answer.metadata = stands, self.facts
        Message.objects.filter(pk=self.answer.pk).update(content=stands, metadata=self.facts)
        self.publish("turn.started", user_message_id=self.question.pk)

    def _publish_delta(self, offset: int, text: str) -> str:
        return self.publish("message.delta", offset=offset, text=text)
