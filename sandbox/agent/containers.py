"""The agent's side of one container: attached, lost, attached again; what runs in it is adopted or lost."""

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_noop

from sandbox.engine import EngineError, EngineUnavailable, Found

from .. import briefs, reasons
from ..models import (
    ExecutionCause,
    ExecutionKind,
    ExecutionStatus,
    SandboxExecution,
    SandboxInstance,
    SandboxStatus,
)
from .executions import Following, end_row, lease, wait_again
from .starting import known_output
from .stream import Attachment, Known, StreamLost, Sync

if TYPE_CHECKING:
    from .agent import Agent

logger = logging.getLogger(__name__)

HELLO_SECONDS = 5.0
ENGINE_PATIENCE_SECONDS = 20.0
# After a failed attach the sweep lets it be for a while, longer each time.
MOST_PAUSE_SECONDS = 30.0
DETACHED_SECONDS = 60.0
# Which verb it was where it is done already.
ENDED_BY = {SandboxStatus.STOPPED: "stop", SandboxStatus.DELETED: "delete"}
ENDINGS = {"stop", "restart", "delete", "change"}

NOT_KNOWN = gettext_noop("The container was started anew meanwhile, so what ran in it is gone.")
ENDED = gettext_noop("The container ended.")
OUT_OF_MEMORY = gettext_noop("The container ran out of memory and was killed.")


class NotAttached(Exception):
    """The container cannot be reached; the message says why."""


class Container:
    """One container of an instance, and the stream into it while it is attached."""

    def __init__(self, agent: "Agent", instance_id: str) -> None:
        self.agent, self.instance_id = agent, instance_id
        self.container_id = ""
        self.boot = ""
        self.attachment: Attachment | None = None
        self.lock = threading.RLock()
        self._not_before = self._attached_at = 0.0
        self._failures = 0
        self._leaving = False
        self.busy = False  # an attach by the sweep is under way

    @property
    def attached(self) -> bool:
        """Whether its stream stands."""
        return self.attachment is not None and not self.attachment.closed.is_set()

    def attached_for(self, seconds: float) -> bool:
        """Whether its stream has stood for so long."""
        return self.attached and time.monotonic() - self._attached_at > seconds

    @property
    def due(self) -> bool:
        """Whether the sweep should try to attach now."""
        return not self.attached and time.monotonic() >= self._not_before

    def stream(self) -> Attachment:
        """Its stream; raises NotAttached."""
        attachment = self.attachment
        if attachment is None or attachment.closed.is_set():
            raise NotAttached("this sandbox's container is not reachable now")
        return attachment

    def attach(self, *, timeout: float = HELLO_SECONDS) -> str:
        """Attach unless that is done, and take over what runs; the boot's id. Raises NotAttached."""
        with self.lock:
            if self.attached:
                return self.boot
            try:
                self._attach(timeout)
            except (EngineError, StreamLost, OSError, NotAttached) as error:
                self._failures += 1
                self._not_before = time.monotonic() + min(2.0**self._failures, MOST_PAUSE_SECONDS)
                raise NotAttached(str(error) or type(error).__name__) from error
            self._failures, self._not_before = 0, 0.0
        self.agent.look_at_queued(self.instance_id)
        return self.boot

    def _attach(self, timeout: float) -> None:
        row = SandboxInstance.objects.filter(pk=self.instance_id, host=self.agent.host).first()
        if row is None or not row.container_id:
            raise NotAttached("there is no container of this instance on this host")
        self._leaving = False
        attachment = Attachment(
            self.agent.engine.attach(row.container_id), on_lost=self._lost, name=self.instance_id
        )
        try:
            sync = attachment.hello(timeout)
            self.container_id, self.boot = row.container_id, sync.boot
            self._adopt(attachment, sync, same_boot=row.boot_id == sync.boot)
            if row.boot_id != sync.boot:  # after what was adopted: until then it decides what may start again
                SandboxInstance.objects.filter(pk=row.pk).update(boot_id=sync.boot)
        except BaseException:
            self._leaving = True
            attachment.close()
            raise
        self.attachment, self._attached_at = attachment, time.monotonic()

    # --- What runs in it ---
    def _adopt(self, attachment: Attachment, sync: Sync, *, same_boot: bool) -> None:
        """Follow what the runner has and the table calls running; end the rest on either side.

        What the runner has under no key, although it is the one that stood when it was to be started, never
        began: it keeps each key until its row has ended, and takes none twice.
        """
        for following in self.agent.followings_of(self.instance_id):
            following.abandon()
        rows = self._running_rows()
        for known in sync.channels:
            row = rows.pop(known.key, None)
            if row is None:  # its row has ended meanwhile; what still runs of it is killed
                attachment.adopt(known, lambda _event: None).close()
            else:
                self._follow(attachment, known, row)
        for execution_id in rows:
            if not (same_boot and wait_again(execution_id)):
                end_row(execution_id, ExecutionCause.LOST, NOT_KNOWN, where=_running)

    def _running_rows(self) -> dict[str, SandboxExecution]:
        running = SandboxExecution.objects.filter(
            sandbox__instance=self.instance_id, status=ExecutionStatus.RUNNING
        )
        rows: dict[str, SandboxExecution] = {}
        for execution_id in running.values_list("pk", flat=True):
            try:
                rows[str(execution_id)] = running.select_related(*briefs.JOINED).get(pk=execution_id)
            except SandboxExecution.DoesNotExist:
                continue
            except ImproperlyConfigured as error:  # its variables were sealed with a key that is gone
                end_row(str(execution_id), ExecutionCause.ERROR, str(error), where=_running)
        return rows

    def _follow(self, attachment: Attachment, known: Known, row: SandboxExecution) -> None:
        agent = self.agent
        ours = SandboxExecution.objects.filter(pk=row.pk, status=ExecutionStatus.RUNNING)
        if not ours.update(worker=agent.holder, lease_until=lease()):
            return
        output = known_output(row, acked=known.acked)
        following = Following(agent, row, output)
        if following.ring is not None and row.kind == ExecutionKind.TERMINAL:
            following.ring.begin(output.taken, (row.stdout or "").encode())
        agent.follow(following, self.instance_id)
        channel = attachment.adopt(known, following.on_event, after=output.taken)
        following.begin(channel, adopted=True)
        stdin = (row.stdin or "").encode()
        if stdin and known.taken <= len(stdin):
            following.feed(stdin[known.taken :], close=not row.stdin_open)
        if row.cancel_requested_at is not None:
            channel.kill("cancelled")

    # --- When the stream ends ---
    def _lost(self, attachment: Attachment) -> None:
        if not self._leaving and not self.agent.stopping:
            logger.info("the stream of instance %s ended: %s", self.instance_id, attachment.reason)
            self.agent.slow.submit(lambda: self._after_loss(attachment))

    def _after_loss(self, attachment: Attachment) -> None:
        """Attach again if the container still runs; else say what became of what ran in it."""
        with self.lock:
            if self.attachment is not attachment or self.agent.stopping:
                return
            self.attachment = None
            found = self._look()
            if found is not None and found.state in {"running", "paused"}:
                try:
                    if found.state == "running":
                        self.attach()
                    return
                except NotAttached as error:
                    logger.warning("instance %s is not attached again yet: %s", self.instance_id, error)
                    found = self._look()
                    if found is not None and found.state in {"running", "paused"}:
                        return  # the sweep tries again
            self.end_all(found)
        self.agent.reconcile(self.instance_id)

    def _look(self) -> Found | None:
        """The container as the engine has it now; waits a while for an engine that is being restarted."""
        deadline = time.monotonic() + ENGINE_PATIENCE_SECONDS
        while True:
            try:
                return self.agent.engine.find(self.instance_id)
            except EngineUnavailable:
                if time.monotonic() > deadline or self.agent.stopping:
                    raise
                time.sleep(0.5)

    def end_all(self, found: Found | None) -> None:
        """The container has ended: end what ran in it, with the cause."""
        cause, detail = self._cause(found)
        for following in self.agent.followings_of(self.instance_id):
            following.end_as(cause, detail)
        left = SandboxExecution.objects.filter(
            sandbox__instance=self.instance_id, status=ExecutionStatus.RUNNING
        ).exclude(pk__in=[following.id for following in self.agent.followings_of(self.instance_id)])
        for execution_id in left.values_list("pk", flat=True):
            end_row(str(execution_id), cause, detail, where=_running)

    def _cause(self, found: Found | None) -> tuple[ExecutionCause, str]:
        if found is not None and found.oom_killed:
            return ExecutionCause.OOM, OUT_OF_MEMORY
        row = SandboxInstance.objects.select_related("sandbox").filter(pk=self.instance_id).first()
        sandbox = row.sandbox if row is not None else None
        verb = (sandbox.verb or ENDED_BY.get(sandbox.status)) if sandbox is not None else None
        if sandbox is not None and verb in ENDINGS:
            return ExecutionCause.CANCELLED, reasons.why(verb, sandbox.cause)
        return ExecutionCause.LOST, ENDED

    def settle(self) -> bool:
        """If the container has ended, end what ran in it; whether there is nothing left to do."""
        with self.lock:
            if self.attached:
                return False
            try:
                found = self.agent.engine.find(self.instance_id)
            except EngineError:
                return False
            if found is not None and found.state in {"running", "paused", "created", "restarting"}:
                return False
            self.end_all(found)
            return True

    def detach(self, *, forget: bool = False) -> None:
        """Leave it. `forget`: what runs in it is followed no more, though it goes on."""
        with self.lock:
            self._leaving = True
            self._not_before = time.monotonic() + DETACHED_SECONDS
            attachment, self.attachment = self.attachment, None
            if attachment is not None:
                attachment.close()
            if forget:
                for following in self.agent.followings_of(self.instance_id):
                    following.abandon()


def _running(rows: Any) -> Any:
    return rows.filter(status=ExecutionStatus.RUNNING)
