"""The work of sandboxes: verbs, the pool, reconciling, images, and what goes by the clock.

What needs an engine runs on the queue `sandbox.<host>`, whose workers hold it.
"""

from typing import Any

from system.queue import TaskRun, periodic, task_type
from system.queue.residents import resident

from . import file_tasks  # noqa: F401 - registers the tasks about files
from .agent import resident as _agent  # noqa: F401
from .lifecycle import building, expiry, hosts, housekeeping, leftovers, pool, reconcile, usage, verbs
from .models import SandboxHost

VERB_SECONDS = 300.0


@task_type("sandbox.create", queue="sandbox", time_limit=VERB_SECONDS)
def create(task: TaskRun, *, sandbox_id: str) -> dict[str, Any] | None:
    """Make the container of a new sandbox, or give a claimed one its limits."""
    return verbs.run_verb(task, verb="create", sandbox_id=sandbox_id)


@task_type("sandbox.start", queue="sandbox", time_limit=VERB_SECONDS)
def start(task: TaskRun, *, sandbox_id: str, **options: Any) -> dict[str, Any] | None:
    """Start a stopped sandbox."""
    return verbs.run_verb(task, verb="start", sandbox_id=sandbox_id, **options)


@task_type("sandbox.restart", queue="sandbox", time_limit=VERB_SECONDS)
def restart(task: TaskRun, *, sandbox_id: str, **options: Any) -> dict[str, Any] | None:
    """Stop a sandbox and start it again."""
    return verbs.run_verb(task, verb="restart", sandbox_id=sandbox_id, **options)


@task_type("sandbox.pause", queue="sandbox", time_limit=60)
def pause(task: TaskRun, *, sandbox_id: str, **options: Any) -> dict[str, Any] | None:
    """Freeze a sandbox."""
    return verbs.run_verb(task, verb="pause", sandbox_id=sandbox_id, **options)


@task_type("sandbox.resume", queue="sandbox", time_limit=60)
def resume(task: TaskRun, *, sandbox_id: str, **options: Any) -> dict[str, Any] | None:
    """Let a frozen sandbox go on."""
    return verbs.run_verb(task, verb="resume", sandbox_id=sandbox_id, **options)


@task_type("sandbox.stop", queue="sandbox", time_limit=VERB_SECONDS)
def stop(task: TaskRun, *, sandbox_id: str, **options: Any) -> dict[str, Any] | None:
    """Stop a sandbox; its workspace stays."""
    return verbs.run_verb(task, verb="stop", sandbox_id=sandbox_id, **options)


@task_type("sandbox.change", queue="sandbox", time_limit=VERB_SECONDS)
def change(task: TaskRun, *, sandbox_id: str) -> dict[str, Any] | None:
    """Give a running sandbox its new limits or policies."""
    return verbs.run_verb(task, verb="change", sandbox_id=sandbox_id)


@task_type("sandbox.delete", queue="sandbox", time_limit=120, max_retries=10)
def delete(task: TaskRun, *, sandbox_id: str, **options: Any) -> dict[str, Any] | None:
    """Remove a sandbox and all there is of it."""
    return verbs.run_verb(task, verb="delete", sandbox_id=sandbox_id, **options)


@task_type("sandbox.refill", queue="sandbox", time_limit=600, max_retries=0)
def refill(task: TaskRun, *, host_id: str) -> dict[str, Any]:
    """Make warm instances until a host has enough of them."""
    host = SandboxHost.objects.filter(pk=host_id).first()
    if host is None:
        return {"made": 0}
    pool.let_the_claim_go_first(host)
    return {"made": pool.refill(host)}


@task_type(leftovers.TASK, queue="sandbox", time_limit=600, max_retries=0)
def sweep(task: TaskRun, *, host_id: str) -> dict[str, Any]:
    """Remove what is left of sandboxes that were for one run."""
    host = SandboxHost.objects.filter(pk=host_id).first()
    return {"removed": leftovers.sweep(host) if host else 0}


@task_type("sandbox.reconcile", queue="sandbox", time_limit=300, max_retries=0)
def reconcile_host(task: TaskRun, *, host_id: str) -> None:
    """Compare a host's rows and containers now; whoever saw a stream end asks for it."""
    host = SandboxHost.objects.filter(pk=host_id).first()
    if host is not None:
        reconcile.reconcile(host)


@task_type("sandbox.build_image", queue="sandbox", time_limit=3600, max_retries=0)
def build_image(task: TaskRun, *, build_id: str, host_id: str) -> None:
    """Build an image from an operator's Dockerfile."""
    building.build(task, build_id=build_id, host_id=host_id)


@periodic("sandbox.lost_builds", every=60)
def end_lost_builds() -> None:
    """End builds of images whose task is gone."""
    building.end_lost()


@resident("sandbox.housekeeping", queues="sandbox.")
def keep_house(queue_name: str) -> Any:
    """Look after a host from within its workers."""
    return housekeeping.keep_house(queue_name)


@periodic("sandbox.watch_hosts", every=15)
def watch_hosts() -> None:
    """Give up hosts that have fallen silent."""
    hosts.watch()


@periodic("sandbox.expire", every=15)
def expire() -> None:
    """Stop what is idle or out of time, delete what has expired."""
    expiry.expire()


@periodic("sandbox.collect_usage", every=10)
def collect_usage() -> None:
    """Sample what running sandboxes use."""
    usage.collect()


@periodic("sandbox.clean_up", every=3600)
def clean_up() -> None:
    """Remove the rows of sandboxes deleted long ago."""
    expiry.clean_up()
