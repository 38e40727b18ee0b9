"""The work of the verbs, in the workers of a host: each may die at any step and be done again from its start.

Rows say which verb is under way; every write is fenced by that, so what was superseded changes nothing.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Problem, Unavailable
from system.queue import TaskRun

from .. import gateway, reasons
from ..engine import EngineError, EngineUnavailable, ImageMissing
from ..files import refresh_soon
from ..models import (
    ExecutionCause,
    InstanceStatus,
    Sandbox,
    SandboxInstance,
    SandboxStatus,
)
from . import containers, ending, keeping, pool, specs, trail
from .containers import Superseded
from .engines import engine_of
from .steps import reach

logger = logging.getLogger(__name__)

CREATING, RUNNING, PAUSED, STOPPED, FAILED, DELETED = SandboxStatus


def run_verb(task: TaskRun, *, verb: str, sandbox_id: str, **options: Any) -> dict[str, Any] | None:
    """Do a verb that is under way; nothing when it is not any more."""
    sandbox = Sandbox.objects.with_parts().filter(pk=sandbox_id).first()
    if sandbox is None or sandbox.verb != verb:
        return {"superseded": True}
    reach(f"{verb}:begun")
    try:
        WORK[verb](sandbox, **options)
    except Superseded:
        _come_to_nothing(sandbox)
        return {"superseded": True}
    except (EngineError, Problem) as error:
        if not task.last_attempt and isinstance(error, EngineUnavailable | Unavailable):
            raise  # whether it was done is not known: the queue asks again
        return {"failed": fail(sandbox, verb, error)}
    except Exception as error:
        if not task.last_attempt:
            raise
        logger.exception("%s of sandbox %s failed", verb, sandbox_id)
        return {"failed": fail(sandbox, verb, error)}
    return None


def finish_claimed(sandbox_id: str) -> None:
    """End the creation of a sandbox whose instance was claimed while it was made for the pool.

    When that fails, the task of the creation does it.
    """
    sandbox = Sandbox.objects.with_parts().filter(pk=sandbox_id, verb="create").first()
    if sandbox is None:
        return
    try:
        create(sandbox, just_started=True)
    except Superseded:
        _come_to_nothing(sandbox)
    except (EngineError, Problem) as error:
        logger.warning("sandbox %s is finished later: %s", sandbox_id, error)


# --- What each verb does ----------------------------------------------------------------------------------
def create(sandbox: Sandbox, *, just_started: bool = False) -> None:
    """Make and start its container, or give a claimed one its limits."""
    containers.bring_up(sandbox, _instance(sandbox), verb="create", just_started=just_started)
    _running(sandbox, "create", "started")


def start(sandbox: Sandbox, *, cause: str = "") -> None:
    """Start it again, with its workspace."""
    containers.bring_up(sandbox, _instance(sandbox), verb="start")
    _running(sandbox, "start", "started", cause=cause)


def restart(sandbox: Sandbox, *, cause: str = "") -> None:
    """Stop and start it; the workspace stays."""
    instance = _instance(sandbox)
    _end_run(sandbox, instance, "restart")
    containers.bring_up(sandbox, instance, verb="restart")
    _running(sandbox, "restart", "restarted", cause=cause)


def pause(sandbox: Sandbox, *, cause: str = "") -> None:
    """Freeze all its processes."""
    engine_of(_instance(sandbox).host).pause(sandbox.instance.pk)
    reach("pause:paused")
    _settle(sandbox, "pause", "paused", status=PAUSED, cause=cause)


def resume(sandbox: Sandbox, *, cause: str = "") -> None:
    """Let its processes go on."""
    engine_of(_instance(sandbox).host).unpause(sandbox.instance.pk)
    reach("resume:unpaused")
    _settle(sandbox, "resume", "resumed", status=RUNNING, cause=cause, last_active=timezone.now())


def stop(sandbox: Sandbox, *, cause: str = "") -> None:
    """End all its processes; the workspace stays."""
    _end_run(sandbox, _instance(sandbox), "stop", cause)
    _settle(sandbox, "stop", "stopped", status=STOPPED, cause=cause)


def change(sandbox: Sandbox) -> None:
    """Give its container what the rows say: live where Docker can, else by a restart on its workspace."""
    instance = _instance(sandbox)
    engine, wanted = engine_of(instance.host), specs.spec_of(sandbox)
    made_of, found = specs.stored_spec(instance), engine.find(instance.pk)
    if made_of and found and found.state == "running" and specs.changes_live(made_of, wanted):
        trail.note_names(sandbox, containers.apply_live(engine, instance, wanted).told)
        _settle(sandbox, "change", "applied", status=RUNNING)
        return
    _end_run(sandbox, instance, "change")
    containers.bring_up(sandbox, instance, verb="change")
    _running(sandbox, "change", "restarted", cause="changed")


def delete(sandbox: Sandbox, *, cause: str = "") -> None:
    """Remove all there is of it; what remains are rows of its history."""
    for instance in SandboxInstance.objects.filter(sandbox=sandbox).select_related("host").standing():
        SandboxInstance.objects.filter(pk=instance.pk).update(status=InstanceStatus.ENDING, cause="deleted")
        reach("delete:ending")
        containers.leave(instance)
        engine_of(instance.host).remove(instance.pk)
        reach("delete:removed")
        SandboxInstance.objects.filter(pk=instance.pk).update(
            status=InstanceStatus.GONE, gone_at=timezone.now(), sandbox=None
        )
        reach("delete:gone")
    keeping.forget(sandbox)
    ending.delete_rows(sandbox, cause=cause)


WORK: dict[str, Callable[..., None]] = {
    "create": create,
    "start": start,
    "restart": restart,
    "pause": pause,
    "resume": resume,
    "stop": stop,
    "change": change,
    "delete": delete,
}


# --- How a verb ends --------------------------------------------------------------------------------------
def fail(sandbox: Sandbox, verb: str, error: Exception) -> str:
    """Write down that a verb failed, and the state the sandbox is truly in; returns the sentence."""
    text = str(getattr(error, "message", "") or error) or type(error).__name__
    logger.warning("%s of sandbox %s failed: %s", verb, sandbox.pk, text)
    text = reasons.plainly(text)
    cause = "image_missing" if isinstance(error, ImageMissing) else f"{verb}_failed"
    if verb == "delete":  # it stays under way: the reconciler lets it be tried again
        with transaction.atomic():
            trail.note(sandbox, "delete_failed", detail=text)
        return text
    status, since = _true_status(sandbox, verb), None
    if verb == "change":
        _take_back(sandbox)
        if status == FAILED and _bring_back(sandbox):
            status, since = RUNNING, timezone.now()
    times: dict[str, Any] = {"started_at": since, "last_active": since} if since else {}
    said: dict[str, Any] = {"cause": cause, "detail": text, "verb_failed": verb}
    _settle(sandbox, verb, "failed", status=status, strict=False, **said, **times)
    return text


def _take_back(sandbox: Sandbox) -> None:
    """Let the rows say again what the container is made of, for a change that could not be made."""
    made_of = specs.stored_spec(_instance(sandbox))
    if made_of is None:
        return
    row, security = sandbox.resource, sandbox.security
    for name, value in made_of.limits.as_dict().items():
        setattr(row, name, value)
    row.save()
    for name in ("network_policy", "syscall_policy", "mount_policy"):
        setattr(security, name, dict(getattr(made_of, name) or {}) or None)
    security.save(update_fields=["network_policy", "syscall_policy", "mount_policy", "updated_at"])
    config = {key: value for key, value in (sandbox.config or {}).items() if key != "runtime"}
    sandbox.config = config | ({"runtime": made_of.runtime} if made_of.runtime else {})
    sandbox.save(update_fields=["config"])


def _bring_back(sandbox: Sandbox) -> bool:
    """Start again what was stopped for a change that could not be made; False where that cannot be done."""
    try:
        containers.bring_up(sandbox, _instance(sandbox), verb="change")
    except Superseded:
        _come_to_nothing(sandbox)
    except (EngineError, Problem) as error:
        logger.warning("sandbox %s was not brought back after a failed change: %s", sandbox.pk, error)
    else:
        return True
    return False


def _true_status(sandbox: Sandbox, verb: str) -> SandboxStatus:
    """What the engine says after a failed verb; what is half started is stopped, half created removed."""
    instance = getattr(sandbox, "instance", None)
    if instance is None:
        return FAILED
    try:
        engine = engine_of(instance.host)
        if verb == "create":
            pool.remove_instance(instance, cause="failed")
            return FAILED
        if sandbox.status not in ending.RUNS:  # it was half up
            engine.stop(instance.pk)
            return FAILED
        found = engine.find(instance.pk)
    except EngineError:
        return FAILED
    return {"running": RUNNING, "paused": PAUSED}.get(found.state if found else "", FAILED)


def _running(sandbox: Sandbox, verb: str, kind: str, *, cause: str = "") -> None:
    now = timezone.now()
    _settle(sandbox, verb, kind, status=RUNNING, cause=cause, started_at=now, last_active=now)
    if verb != "create":  # what was killed at its stop may have made files that nobody saw
        refresh_soon(sandbox)


def _end_run(sandbox: Sandbox, instance: SandboxInstance, verb: str, cause: str = "") -> None:
    """Stop the container, and say of what ran in it how it ended."""
    containers.check(sandbox, verb)
    with transaction.atomic():
        trail.end_executions(sandbox, cause=ExecutionCause.CANCELLED, detail=reasons.why(verb, cause))
    containers.take_down(sandbox, instance, verb=verb)
    with transaction.atomic():
        seconds = ending.ran(sandbox, timezone.now())
        changed = Sandbox.objects.filter(pk=sandbox.pk, verb=verb).update(
            status=STOPPED, running_seconds=(sandbox.running_seconds or 0) + seconds
        )
        if not changed:
            raise Superseded
        sandbox.status, sandbox.running_seconds = STOPPED, (sandbox.running_seconds or 0) + seconds
    reach(f"{verb}:counted")


def _settle(
    sandbox: Sandbox,
    verb: str,
    kind: str,
    *,
    status: SandboxStatus,
    cause: str = "",
    detail: str = "",
    strict: bool = True,
    verb_failed: str = "",
    **values: Any,
) -> None:
    """End a verb: status, cause, event, told to all; raises Superseded if it is not under way any more."""
    with transaction.atomic():
        if status not in ending.RUNS:
            seconds = ending.ran(sandbox, timezone.now())
            values["running_seconds"] = (sandbox.running_seconds or 0) + seconds
            why = reasons.why(verb, cause) if kind == "stopped" else _("The sandbox does not run.")
            trail.end_executions(sandbox, cause=ExecutionCause.LOST, detail=detail or why)
        changed = Sandbox.objects.filter(pk=sandbox.pk, verb=verb).update(
            status=status, verb=None, cause=cause or None, detail=detail or None, **values
        )
        if not changed:
            transaction.set_rollback(True)
            if strict:
                raise Superseded
            return
        sandbox.refresh_from_db()
        said = {"cause": cause, "detail": detail, "verb": verb_failed}
        trail.note_and_tell(sandbox, kind, **{key: value for key, value in said.items() if value})
        if status == RUNNING and sandbox.host is not None:  # what waits in it may begin
            instance_id = sandbox.instance.pk
            transaction.on_commit(partial(gateway.poke, sandbox.host, instance=instance_id), robust=True)
    reach(f"{verb}:settled")


def _come_to_nothing(sandbox: Sandbox) -> None:
    """After somebody took over in the middle: leave no container of a sandbox that is deleted."""
    row = SandboxInstance.objects.filter(pk=getattr(getattr(sandbox, "instance", None), "pk", None))
    instance = row.select_related("host").first()
    if instance is not None and instance.status in {InstanceStatus.ENDING, InstanceStatus.GONE}:
        pool.remove_instance(instance, cause="superseded")


def _instance(sandbox: Sandbox) -> SandboxInstance:
    """The instance under a sandbox; a new one on the same host when the last one is gone."""
    instance = getattr(sandbox, "instance", None)
    if instance is not None and instance.status == InstanceStatus.CLAIMED:
        found: SandboxInstance = instance
        return found
    if sandbox.host is None:
        raise Unavailable(_("The Docker host of this sandbox is gone."), code="host_lost")
    spec = specs.spec_of(sandbox)
    if instance is not None:  # one that is ending keeps its own name until it is gone
        SandboxInstance.objects.filter(pk=instance.pk).update(sandbox=None)
    made: SandboxInstance = SandboxInstance.objects.create(
        host=sandbox.host,
        template=sandbox.template,
        sandbox=sandbox,
        profile=spec.profile,
        status=InstanceStatus.CLAIMED,
        claimed_at=timezone.now(),
        spec=spec.as_json(),
    )
    sandbox.instance = made
    return made
