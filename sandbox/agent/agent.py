"""The agent of one host: holds the lease, attaches to containers, takes up and follows executions."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.models import Q
from django.utils import timezone

from system import queue

from .. import briefs, files
from ..lifecycle import leftovers
from ..lifecycle.steps import reach
from ..models import (
    ExecutionCause,
    ExecutionKind,
    ExecutionStatus,
    InstanceStatus,
    Sandbox,
    SandboxExecution,
    SandboxHost,
    SandboxInstance,
    SandboxStatus,
)
from ..services.sandboxes import do_verb
from .containers import Container, NotAttached
from .executions import Following, end_row, lease, tell_sandbox
from .gateway_server import GatewayServer
from .lease import RENEW_SECONDS, Lease, ensure_host
from .starting import new_output, opening
from .stream import StreamLost
from .workers import Clock, Pool, run_guarded

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
RENEW_EXECUTIONS_SECONDS = 5.0
TOUCH_SECONDS = 10.0
# A refresh of files that was asked for is still to come for longer than this (`files.mirror.PAUSE`).
REFRESH_SECONDS = 0.5
MOST_LOOKED_AFTER = 1000
# A row that calls itself ours and is not followed for so long fell between two steps of a start.
STRAY_SECONDS = 10.0
DB_THREADS = 4
SLOW_THREADS = 4
RECONCILE = "sandbox.reconcile"


class Agent:
    """Everything one process does for one host; `engine` attaches and looks, nothing else."""

    def __init__(self, host_name: str, engine: Any, *, bind: str = "127.0.0.1:0", name: str = "") -> None:
        self.host_name, self.engine = host_name, engine
        self.lease = Lease(host_name)
        self.holder = self.lease.holder
        self.host: SandboxHost | None = None
        self.stopping = False
        self.leading = threading.Event()
        self.clock = Clock()
        self.pool = Pool("db", DB_THREADS)
        self.slow = Pool("slow", SLOW_THREADS)
        self.gateway = GatewayServer(self, bind, name)
        self.containers: dict[str, Container] = {}
        self.live: dict[str, tuple[Following, str]] = {}
        self._taking: set[str] = set()
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._renewed = self._renewed_executions = 0.0
        self._touched: dict[str, float] = {}
        self._looked_after: dict[str, float] = {}
        self._undo: set[str] = set()
        self._sweeping = True  # the agent before may have left something
        self._thread = threading.Thread(target=self._run, name=f"sandbox-agent-{host_name}", daemon=True)

    # --- Its life ---
    def start(self) -> Callable[[], None]:
        """Begin, as agent or standing by; returns how to stop."""
        self._thread.start()
        return self.stop

    def stop(self, seconds: float = 3) -> None:
        """Let go of everything in good order: what runs goes on, and the next agent takes it over at once."""
        self._stop.set()
        self._thread.join(seconds)
        self.gateway.stop()
        for following, _instance in self._followed():
            self.pool.submit(following.save)
        self.stopping = True
        self.pool.stop(seconds)
        self._let_go()
        self.slow.stop(0.5)
        self.clock.stop()
        run_guarded(self.lease.release)
        connections.close_all()

    def _run(self) -> None:
        while not self._stop.is_set():
            run_guarded(self._round)
            if self.leading.is_set() and not self.lease.held:
                logger.warning("the lease of the sandbox host %s ran out; letting go", self.host_name)
                self.step_down()
            self._stop.wait(SWEEP_SECONDS)
        connections.close_all()

    def _round(self) -> None:
        if not self.leading.is_set():
            self._try_to_lead()
            return
        now = time.monotonic()
        if now - self._renewed >= RENEW_SECONDS:
            if not self.lease.renew(gateway=self.gateway.address):
                logger.warning("another worker is the agent of the sandbox host %s by now", self.host_name)
                self.step_down()
                return
            self._renewed = now
        self._sweep()

    def _try_to_lead(self) -> None:
        if self.host is None:
            self.host = ensure_host(self.host_name)
        if self.lease.acquire() is None:
            return
        self.stopping = False
        self.gateway.start()
        if not self.lease.renew(gateway=self.gateway.address):
            self.gateway.stop()
            return
        self._renewed = time.monotonic()
        self.leading.set()
        self._sweep()

    def step_down(self) -> None:
        """Let go of the host: another process has it, or may soon."""
        self.leading.clear()
        self.gateway.stop()
        self._let_go()

    def _let_go(self) -> None:
        with self._changed:
            containers, self.containers = list(self.containers.values()), {}
        for container in containers:
            container.detach(forget=True)
        for following, _instance in self._followed():
            following.abandon()

    # --- Once a second ---
    def _sweep(self) -> None:
        self._attach_what_stands()
        self._take_up_what_waits()
        self._sweep_leftovers()
        now = time.monotonic()
        if now - self._renewed_executions >= RENEW_EXECUTIONS_SECONDS:
            self._renewed_executions = now
            self._renew_executions()
            self._end_strays()

    def _attach_what_stands(self) -> None:
        rows = SandboxInstance.objects.filter(host=self.host, container_id__isnull=False).filter(
            Q(status=InstanceStatus.WARM)
            | Q(status=InstanceStatus.CLAIMED, sandbox__status=SandboxStatus.RUNNING)
        )
        wanted = dict(rows.values_list("pk", "container_id"))
        for instance_id in wanted:
            container = self.container(instance_id)
            if container.due and not container.busy:
                container.busy = True
                self.slow.submit(partial(self._attach, container))
        for instance_id, container in list(self.containers.items()):
            if instance_id not in wanted and not container.attached and not container.busy:
                container.busy = True
                self.slow.submit(partial(self._settle, container))

    def _attach(self, container: Container) -> None:
        try:
            container.attach()
        except NotAttached as error:
            logger.warning("instance %s is not attached: %s", container.instance_id, error)
            container.settle()
        finally:
            container.busy = False

    def _settle(self, container: Container) -> None:
        """A container that is not to be attached: what ran in it has ended, or it is paused."""
        try:
            if container.settle():
                with self._changed:
                    self.containers.pop(container.instance_id, None)
        finally:
            container.busy = False

    def _take_up_what_waits(self) -> None:
        self._undo_starts()
        on_this_host = SandboxExecution.objects.filter(sandbox__instance__host=self.host)
        waiting = on_this_host.filter(
            status=ExecutionStatus.QUEUED,
            sandbox__status=SandboxStatus.RUNNING,
        )
        cancelled = on_this_host.filter(status=ExecutionStatus.RUNNING, cancel_requested_at__isnull=False)
        for execution_id in [*waiting.values_list("pk", flat=True), *cancelled.values_list("pk", flat=True)]:
            self.pool.submit(partial(self.take_up, str(execution_id)))

    def _undo_starts(self) -> None:
        """Starts of which the database did not say whether it had written them: let them wait again."""
        undo = set(self._undo)
        if undo:
            SandboxExecution.objects.filter(
                pk__in=undo - set(self.live), status=ExecutionStatus.RUNNING, worker=self.holder
            ).update(status=ExecutionStatus.QUEUED, worker=None, lease_until=None, started_at=None)
            self._undo -= undo

    def _renew_executions(self) -> None:
        followed = self._followed()
        if not followed:
            return
        SandboxExecution.objects.filter(
            pk__in=[following.id for following, _instance in followed],
            worker=self.holder,
            status=ExecutionStatus.RUNNING,
        ).update(lease_until=lease())
        self._give_up_ended([following for following, _instance in followed])
        active = [following for following, _instance in followed if following.is_active()]
        for sandbox_id in {following.sandbox_id for following in active}:
            self.touch(sandbox_id)
        # what is typed into a terminal makes files long before the terminal ends
        for sandbox_id in {f.sandbox_id for f in active if f.kind == ExecutionKind.TERMINAL}:
            self._look_at_files(sandbox_id)

    def _give_up_ended(self, followed: list[Following]) -> None:
        """Let nothing run on whose row was ended by others, as when this host was given up for lost."""
        running = [following for following in followed if not following.is_over()]
        ended = SandboxExecution.objects.filter(
            pk__in=[following.id for following in running], status=ExecutionStatus.ENDED
        )
        gone = set(map(str, ended.values_list("pk", flat=True)))
        for following in running:
            if following.id in gone and not following.is_over():
                following.save()  # which gives it up, if there is anything to save
                if not following.is_over():
                    following.give_up()

    def _end_strays(self) -> None:
        long_ago = timezone.now() - timedelta(seconds=STRAY_SECONDS)
        # what ran in a container that is just being attached is about to be adopted
        settled = [
            key for key, container in list(self.containers.items()) if container.attached_for(STRAY_SECONDS)
        ]
        strays = SandboxExecution.objects.filter(
            status=ExecutionStatus.RUNNING,
            worker=self.holder,
            started_at__lt=long_ago,
            sandbox__instance__in=settled,
        ).exclude(pk__in=list(self.live))
        for execution_id in strays.values_list("pk", flat=True):
            if str(execution_id) not in self.live:
                end_row(str(execution_id), ExecutionCause.LOST, "It was not started.", where=self._ours)

    def _ours(self, rows: Any) -> Any:
        return rows.filter(status=ExecutionStatus.RUNNING, worker=self.holder)

    # --- Executions ---
    def take_up(self, execution_id: str, brief: str = "") -> None:
        """Start an execution that waits, or end one whose end was asked for; a `brief` saves reading it."""
        with self._changed:
            if execution_id in self._taking:
                return
            self._taking.add(execution_id)
        try:
            self._take_up(execution_id, brief)
        except (DatabaseError, InterfaceError):
            raise
        except Exception as error:  # it would fail each time
            logger.exception("execution %s could not be started", execution_id)
            end_row(execution_id, ExecutionCause.ERROR, str(error), where=_queued)
        finally:
            with self._changed:
                self._taking.discard(execution_id)
                self._changed.notify_all()

    def _take_up(self, execution_id: str, brief: str) -> None:
        followed = self.live.get(execution_id)
        if followed is not None:
            self._cancel_if_asked(followed[0])
            return
        if brief:
            row = briefs.row_of(brief)
        else:
            row = briefs.rows().filter(pk=execution_id, status=ExecutionStatus.QUEUED).first()
        if row is None or not self.leading.is_set():
            return
        instance = getattr(row.sandbox, "instance", None)
        if instance is None or self.host is None or instance.host_id != self.host.pk:
            return
        if row.cancel_requested_at is not None:
            end_row(execution_id, ExecutionCause.CANCELLED, "", where=_queued)
            return
        container = self.containers.get(str(instance.pk))
        if briefs.startable(row.sandbox) and container is not None and container.attached:
            self._begin(row, container)

    def _begin(self, row: SandboxExecution, container: Container) -> None:
        """Take it, then start it; one that fell between the two is found by the sweep."""
        row.started_at, execution_id = timezone.now(), str(row.pk)
        waits = SandboxExecution.objects.filter(
            pk=row.pk, status=ExecutionStatus.QUEUED, cancel_requested_at=None
        )
        try:
            taken = waits.update(
                status=ExecutionStatus.RUNNING,
                started_at=row.started_at,
                worker=self.holder,
                lease_until=lease(),
            )
        except (DatabaseError, InterfaceError):
            self._undo.add(execution_id)
            raise
        if not taken:
            return
        reach("execution:taken")
        wanted = opening(row)
        following = Following(self, row, new_output(row))
        self.follow(following, container.instance_id)
        try:
            channel = container.stream().open(
                wanted.op, key=execution_id, on_event=following.on_event, **wanted.args
            )
        except (StreamLost, NotAttached):
            logger.info("execution %s: the stream was lost while it was started", execution_id)
            return  # whether the runner has it shows when the container is attached again
        except ValueError as error:
            following.begin_without_channel()
            following.end_as(ExecutionCause.ERROR, str(error))
            return
        following.begin(channel)
        if wanted.stdin or wanted.close_stdin:
            following.feed(wanted.stdin, close=wanted.close_stdin)
        tell_sandbox(following.sandbox_id, execution_id, ExecutionStatus.RUNNING, kind=row.kind)
        self.touch(following.sandbox_id)

    def _cancel_if_asked(self, following: Following) -> None:
        asked = SandboxExecution.objects.filter(pk=following.id, cancel_requested_at__isnull=False)
        if not following.cancelling and asked.exists():
            following.cancel()

    def follow(self, following: Following, instance_id: str) -> None:
        """Keep it, so that it is found and its lease renewed."""
        with self._changed:
            self.live[following.id] = (following, instance_id)
            self._changed.notify_all()

    def forget(self, following: Following) -> None:
        """It is over here."""
        with self._changed:
            if self.live.get(following.id, (None,))[0] is following:
                del self.live[following.id]
                self._changed.notify_all()

    def ended(self, following: Following) -> None:
        """Its end is in the row: tell the other rooms. A sandbox that was for it alone goes."""
        if following.once:
            self.pool.submit(partial(self._end_sandbox, following.sandbox_id))
        else:
            if following.kind != ExecutionKind.TERMINAL:
                self.touch(following.sandbox_id)
            self._look_at_files(following.sandbox_id)
        queue.announce(
            "sandbox.execution_ended", {"execution": following.id, "sandbox": following.sandbox_id}
        )

    def _end_sandbox(self, sandbox_id: str) -> None:
        """What it was for has ended: it is let go of, or deleted where something else was begun in it."""
        sandbox = Sandbox.objects.with_parts().filter(pk=sandbox_id).first()
        if sandbox is None:
            return
        if sandbox.verb or SandboxExecution.objects.filter(sandbox=sandbox).live().exists():
            do_verb(sandbox=sandbox, verb="delete", by=None, cause=leftovers.DONE)
        else:
            leftovers.let_go(sandbox)
            self._sweeping = True

    def _sweep_leftovers(self) -> None:
        if not self._sweeping or self.host is None:
            return
        self._sweeping = False  # first, for one may be let go of meanwhile
        if leftovers.are_due(self.host):
            with transaction.atomic():
                leftovers.sweep_soon(self.host)
        if leftovers.left_on(self.host).exists():
            self._sweeping = True

    def _look_at_files(self, sandbox_id: str) -> None:
        """What ran may have changed files; ends that come close together are looked after once."""
        now = time.monotonic()
        if now - self._looked_after.get(sandbox_id, 0.0) < REFRESH_SECONDS:
            return
        files.refresh_soon(sandbox_id)
        if len(self._looked_after) > MOST_LOOKED_AFTER:
            self._looked_after.clear()
        self._looked_after[sandbox_id] = now

    def following(self, execution_id: str, seconds: float) -> Following | None:
        """The one that is followed under this id; waits for one that is just being started."""
        deadline = time.monotonic() + seconds
        if execution_id not in self.live:
            self.pool.submit(lambda: self.take_up(execution_id))
        with self._changed:
            while execution_id not in self.live and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return self.live.get(execution_id, (None,))[0]

    def followings_of(self, instance_id: str) -> list[Following]:
        """Those in one container."""
        return [following for following, instance in self._followed() if instance == instance_id]

    def _followed(self) -> list[tuple[Following, str]]:
        with self._changed:
            return list(self.live.values())

    # --- Containers ---
    def container(self, instance_id: str) -> Container:
        """This agent's side of an instance's container, attached or not."""
        with self._changed:
            return self.containers.setdefault(instance_id, Container(self, instance_id))

    def look_at_queued(self, instance_id: str) -> None:
        """Start what waits for this container."""
        waiting = SandboxExecution.objects.filter(
            sandbox__instance=instance_id, status=ExecutionStatus.QUEUED
        ).values_list("pk", flat=True)
        for execution_id in waiting:
            self.pool.submit(partial(self.take_up, str(execution_id)))

    def reconcile(self, instance_id: str) -> None:
        """Ask for a look at the host: a container ended by itself."""
        if self.host is None:
            return
        try:
            queue.enqueue(
                task_type=RECONCILE,
                payload={"host_id": str(self.host.pk)},
                queue=str(self.host.queue),
                key=f"{RECONCILE}:{self.host.pk}",
            )
        except queue.UnknownTaskType:
            logger.info("instance %s ended, and nobody reconciles", instance_id)

    def touch(self, sandbox_id: str) -> None:
        """The sandbox was used just now; written at most every ten seconds."""
        now = time.monotonic()
        if now - self._touched.get(sandbox_id, -TOUCH_SECONDS) < TOUCH_SECONDS:
            return
        if len(self._touched) > 10_000:
            self._touched.clear()
        self._touched[sandbox_id] = now
        Sandbox.objects.filter(pk=sandbox_id).update(last_active=timezone.now())


def _queued(rows: Any) -> Any:
    return rows.filter(status=ExecutionStatus.QUEUED)
