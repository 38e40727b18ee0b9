"""Following one execution: what it says goes to its readers at once and to its row soon; it ends once.

Readers get `started` {"at"}, `output` {"stream", "text", "at", "end"} and `ended` {"cause", "exit_code", …}
on the channel of the execution. `at` and `end` count the stream's own bytes, as `stdout_bytes` and
`stderr_bytes` of the row do: the row's text reaches up to there, so a reader leaves out events that end
before, and reads the row again when one begins later than what it has. `omitted` says that text was left
out, being more than is kept. After `reset` (another agent follows it now) the row is where events go on.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

from django.db import DatabaseError, InterfaceError, connection
from django.db.models import Value
from django.db.models.functions import Concat
from django.utils import timezone
from django.utils.translation import gettext_noop

from agi_site.lib import events

from ..channels import execution_channel, sandbox_channel
from ..models import ONCE, ExecutionCause, ExecutionKind, ExecutionStatus, SandboxExecution
from .output import STREAMS, Checkpoint, Output
from .stream import Channel, Ended, Event, Faulted, Started, StreamLost
from .stream import Output as Bytes
from .terminals import Ring
from .workers import Clock, Pool

logger = logging.getLogger(__name__)

COALESCE_SECONDS = 0.025
CHECKPOINT_SECONDS = 0.5
# So much unsaved text is written without waiting for the next checkpoint.
CHECKPOINT_BYTES = 128 << 10
LEASE_SECONDS = 30.0
LONGEST_DETAIL = 2000
# What is held back as a possible secret is shown at a terminal after so long: people type there.
TERMINAL_HOLD_SECONDS = 0.1
MOST_RETRY_SECONDS = 5.0
DIRECT_INPUT = 64 << 10
# In the row while it waits for the second time, so that there is no third.
TAKEN_TWICE = gettext_noop("It was taken by a worker that ended before it could start it, and waited again.")


class Keeper(Protocol):
    """What a followed execution needs of its agent."""

    holder: str
    clock: Clock
    pool: Pool

    def forget(self, following: "Following") -> None: ...
    def ended(self, following: "Following") -> None: ...


def lease() -> Any:
    """Until when an execution counts as followed."""
    return timezone.now() + timedelta(seconds=LEASE_SECONDS)


class Following:
    """One running execution, from its start or its adoption to its end."""

    def __init__(self, keeper: Keeper, row: SandboxExecution, output: Output) -> None:
        self.id, self.sandbox_id, self.kind = str(row.pk), str(row.sandbox_id), row.kind
        self.keeper, self.output = keeper, output
        self.once = row.sandbox.origin_type == ONCE
        self.channel: Channel | None = None
        self.ring = Ring() if row.kind == ExecutionKind.TERMINAL else None
        self.begun, self.over = threading.Event(), threading.Event()
        self._fresh = not output.saved  # the row has no text yet, so it can be set instead of added to
        self._early: list[Event] = []
        self._end: Ended | Faulted | None = None
        self._lock = threading.RLock()  # what is in memory
        self._writing = threading.Lock()  # the row
        self._flush_due = self._save_due = self._save_queued = False
        self._shown_at = self._saved_at = 0.0
        self._retry, self._retrying = 0.25, False
        self.cancelling = False
        self._active = True

    def is_active(self) -> bool:
        """Whether it did something since the last time this was asked; a terminal may just stand there."""
        active, self._active = self._active, self.ring is None
        return active

    def was_active(self) -> None:
        """Somebody typed."""
        self._active = True

    def cancel(self) -> None:
        """Ask the runner for its end."""
        self.cancelling = True
        if self.channel is not None:
            try:
                self.channel.kill("cancelled")
            except StreamLost:
                self.cancelling = False

    def feed(self, data: bytes, *, close: bool) -> None:
        """Write to its standard input in a thread of its own, since it may not read soon."""
        channel = self.channel
        if channel is None:
            return

        def send() -> None:
            try:
                channel.send(data)
                if close:
                    channel.eof()
            except StreamLost:
                logger.info("execution %s: its input was cut off", self.id)

        if len(data) < DIRECT_INPUT:
            send()
        else:
            threading.Thread(target=send, name=f"input-{self.id}", daemon=True).start()

    # --- Events, from the stream's thread ---
    def begin(self, channel: Channel, *, adopted: bool = False) -> None:
        """Its channel is open: tell the readers, and take what came meanwhile."""
        with self._lock:
            self.channel = channel
            self.begun.set()
            if adopted:
                self._publish(events.RESET, {})
            else:
                self._publish("started", {"at": timezone.now().isoformat()})
            early, self._early = self._early, []
            for event in early:
                self._take(event)

    def begin_without_channel(self) -> None:
        """It could not even be asked for: only its end is to be written."""
        with self._lock:
            self._publish("started", {"at": timezone.now().isoformat()})

    def on_event(self, event: Event) -> None:
        """What the runner says of it."""
        with self._lock:
            if self.over.is_set():
                return
            if self.channel is None:
                self._early.append(event)
            else:
                self._take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, Bytes):
            self._take_output(event)
        elif isinstance(event, Ended | Faulted):
            self._end = event
            self.output.end()
            self.flush()
            self._queue_save()
        elif not isinstance(event, Started):
            logger.warning("execution %s: an unexpected %s", self.id, type(event).__name__)

    def _take_output(self, event: Bytes) -> None:
        self._active = True
        self.output.take(event.stream, event.offset, event.data)
        if time.monotonic() - self._shown_at >= COALESCE_SECONDS or self.ring is not None:
            self.flush()
        elif not self._flush_due:
            self._flush_due = True
            self.keeper.clock.after(COALESCE_SECONDS, self.flush)
        if self.ring is not None:
            self.keeper.clock.after(TERMINAL_HOLD_SECONDS, self._let_go)
        self._ack()
        if self.output.waiting >= CHECKPOINT_BYTES:
            self._queue_save()
        elif not self._save_due:
            self._save_due = True
            self.keeper.clock.after(CHECKPOINT_SECONDS, self._queue_save)

    def _let_go(self) -> None:
        with self._lock:
            if not self.over.is_set() and self._end is None and self.output.let_go():
                self.flush()

    def flush(self) -> None:
        """Show what has not been shown."""
        with self._lock:
            self._flush_due = False
            shown = self.output.to_show()
            if not shown:
                return
            self._shown_at = time.monotonic()
            for part in shown:
                if self.ring is not None:
                    self.ring.add(part.end, part.text.encode())
                else:
                    self._publish("output", part.as_event())

    def _ack(self) -> None:
        taken = self.output.may_ack()
        # A short command needs none: its end closes the channel.
        if self.channel is not None and taken > self.output.acked and self._end is None:
            self.output.acked = taken
            try:
                self.channel.ack(taken)
            except StreamLost:
                logger.debug("execution %s: its stream is lost", self.id)

    def _publish(self, name: str, data: dict[str, Any]) -> None:
        events.publish(execution_channel(self.id), name, data)

    # --- The row, from the pool's threads ---
    def _queue_save(self) -> None:
        with self._lock:
            self._save_due = False
            if self._save_queued or self._retrying or self.over.is_set():
                return
            self._save_queued = True
        self.keeper.pool.submit(self.save)

    def _try_again(self) -> None:
        self._retrying = False
        self._queue_save()

    def save(self) -> None:
        """Write what the row lacks; when the execution has ended, its end with it."""
        with self._writing:
            with self._lock:
                self._save_queued = False
                if self.over.is_set():
                    return
                checkpoint, end = self.output.checkpoint(), self._end
            try:
                kept = self._write(checkpoint, self._ending(end) if end is not None else {})
            except (DatabaseError, InterfaceError) as error:
                logger.warning("execution %s: the database does not take its output yet: %s", self.id, error)
                connection.close()
                self._retrying = True
                self._retry = min(self._retry * 2, MOST_RETRY_SECONDS)
                self.keeper.clock.after(self._retry, self._try_again)
                return
            self._retry = 0.25
            self._saved_at = time.monotonic()
            with self._lock:
                self._fresh = False
                self.output.done(checkpoint)
                if kept and end is None:
                    self._ack()
                    return
        if not kept:
            logger.warning("execution %s belongs to somebody else by now", self.id)
            self.give_up()
        elif end is not None:
            self._finish(end)

    def _write(self, checkpoint: Checkpoint, ending: dict[str, Any]) -> bool:
        """Add a checkpoint to the row if it is still ours and where we left it. False: it is not.

        A write whose outcome was not known is recognised by the counts, and not added twice. Where another
        hand has ended the row meanwhile, as a stop does, it still gets the output that came before.
        """
        values: dict[str, Any] = dict(ending)
        for name in STREAMS:
            text = checkpoint.texts[name]
            if text:
                values[name] = text if self._fresh else Concat(name, Value(text))
            if checkpoint.positions[name] != self._at(name):
                values[f"{name}_bytes"] = checkpoint.positions[name]
        if not values:
            return True
        ours = SandboxExecution.objects.filter(
            pk=self.id, status=ExecutionStatus.RUNNING, worker=self.keeper.holder
        )
        where = {f"{name}_bytes": self._at(name) for name in STREAMS}
        if ours.filter(**where).update(**values):
            return True
        new = {f"{name}_bytes": checkpoint.positions[name] for name in STREAMS}
        if ending:
            done = SandboxExecution.objects.filter(pk=self.id, status=ExecutionStatus.ENDED)
            if done.filter(worker=self.keeper.holder, **new).exists():
                return True
            texts = {name for name in STREAMS if checkpoint.texts[name]}
            later = {name: value for name, value in values.items() if name not in texts}
            kept = bool(ours.filter(**new).update(**later))
        else:
            kept = ours.filter(**new).exists()
        if not kept:
            output = {name: value for name, value in values.items() if name.removesuffix("_bytes") in STREAMS}
            ended = SandboxExecution.objects.filter(pk=self.id, status=ExecutionStatus.ENDED)
            ended.filter(worker=self.keeper.holder, **where).update(**output)
        return kept

    def _at(self, name: str) -> int:
        return self.output.saved_position(name)

    def _ending(self, end: Ended | Faulted) -> dict[str, Any]:
        """The columns of the row that say how it ended."""
        if isinstance(end, Faulted):
            end = Ended(None, None, ExecutionCause.ERROR, end.message, {})
        cause = end.cause if end.cause in ExecutionCause.values else ExecutionCause.ERROR
        return {
            "status": ExecutionStatus.ENDED,
            "cause": cause,
            "detail": (end.detail or "")[:LONGEST_DETAIL] or None,
            "exit_code": end.exit_code,
            "signal": end.signal,
            "resource_usage": dict(end.usage) or None,
            "completed_at": timezone.now(),
            "lease_until": None,
            # also what no reader could be shown
            **{f"{name}_bytes": count for name, count in self.output.positions.items()},
        }

    def _finish(self, end: Ended | Faulted) -> None:
        """The end is in the row: tell the readers, and let the runner forget it."""
        told = self._ending(end)
        shown = ("cause", "detail", "exit_code", "signal", "resource_usage", "stdout_bytes", "stderr_bytes")
        data = {name: told[name] for name in shown}
        with self._lock:
            if self.over.is_set():
                return
            self._publish("ended", data)
            self.over.set()
            if self.ring is not None:
                self.ring.end(data)
        if self.channel is not None:
            self.channel.close()
        self.keeper.forget(self)
        tell_sandbox(
            self.sandbox_id, self.id, ExecutionStatus.ENDED, cause=told["cause"], exit_code=told["exit_code"]
        )
        self.keeper.ended(self)

    # --- Ends that do not come from the runner ---
    def end_as(self, cause: ExecutionCause, detail: str) -> None:
        """End it with what is known here: the container is gone."""
        with self._lock:
            if self.over.is_set() or self._end is not None:
                return
            self.output.end()
            self._end = Ended(None, None, cause, detail, {})
            self.flush()
        self._queue_save()

    def abandon(self) -> None:
        """Stop following without an end: another agent does, or this one anew. Waits for a write."""
        with self._writing, self._lock:
            self.over.set()
            if self.ring is not None:
                self.ring.end(None)
        self.keeper.forget(self)

    def give_up(self) -> None:
        """Its row is not ours any more. Where it was ended, as of a lost host, what still runs is killed."""
        ended = SandboxExecution.objects.filter(pk=self.id, status=ExecutionStatus.ENDED).exists()
        self.abandon()
        if ended and self.channel is not None:
            self.channel.close()

    def is_over(self) -> bool:
        """Whether its end is known here, though it may not be in the row yet."""
        return self._end is not None or self.over.is_set()


def tell_sandbox(sandbox_id: str, execution_id: str, status: str, **more: Any) -> None:
    """Tell those who look at the sandbox."""
    events.publish(sandbox_channel(sandbox_id), "execution", {"id": execution_id, "status": status, **more})


def end_row(
    execution_id: str, cause: ExecutionCause, detail: str, *, where: Callable[[Any], Any] = lambda rows: rows
) -> bool:
    """End an execution that nobody follows; whether it was still open."""
    open_rows = SandboxExecution.objects.filter(pk=execution_id).exclude(status=ExecutionStatus.ENDED)
    ended = where(open_rows).update(
        status=ExecutionStatus.ENDED,
        cause=cause,
        detail=detail,
        completed_at=timezone.now(),
        lease_until=None,
    )
    if ended:
        row = SandboxExecution.objects.without_output().get(pk=execution_id)
        data = {"cause": cause, "detail": detail, "exit_code": None, "signal": None, "resource_usage": None}
        data |= {"stdout_bytes": row.stdout_bytes, "stderr_bytes": row.stderr_bytes}
        events.publish(execution_channel(execution_id), "ended", data)
        tell_sandbox(str(row.sandbox_id), execution_id, ExecutionStatus.ENDED, cause=cause, exit_code=None)
    return bool(ended)


def wait_again(execution_id: str) -> bool:
    """Queue an execution again that was taken and never reached the runner; once. Whether that was done."""
    unstarted = SandboxExecution.objects.filter(
        pk=execution_id, status=ExecutionStatus.RUNNING, stdout_bytes=0, stderr_bytes=0, detail=None
    )
    again = unstarted.update(
        status=ExecutionStatus.QUEUED, detail=TAKEN_TWICE, worker=None, lease_until=None, started_at=None
    )
    return bool(again)
