"""A process killed at every step of a run: no tool runs without its row, and each row comes to a true end.

What was killed ends as lost; it runs again where that is safe; and exactly once where the tool is
transactional.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agi_site.lib.problems import Conflict
from system import queue
from system.models import Log, TaskQueue
from tests.infra.processes import ROOT
from tests.sandbox.fixtures_agent import database_url
from tests.tools import probes
from tools import services
from tools.models import Approval, ToolExecution, ToolPolicy

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

STEPS = {
    "plain_probe": ("tool:started", "tool:done", "run:ended"),
    "safe_probe": ("tool:started", "tool:done", "run:ended"),
    "once_probe": ("tool:started", "tool:done", "tool:written", "run:ended"),
}
INLINE = [(name, step) for name, steps in STEPS.items() for step in ("run:opened", *steps)]
QUEUED = [(name, step) for name, steps in STEPS.items() for step in ("run:taken", *steps)]


class Dying:
    """Processes that do one thing each, until they are killed at a step."""

    def __init__(self, settings: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.tools.probes"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "agi_site.settings",
                "PYTHONPATH": str(settings.BASE_DIR),
                "DATABASE_URL": database_url(),
                "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
            },
        )

    def do(self, verb: str, *, die_at: str, **asked: Any) -> bool:
        """Do it in a process; whether that was killed at the step."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"verb": verb, "die_at": die_at, **asked}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["code"] == 0, answer
        return bool(answer["signal"] == 9)

    def end(self) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]
        self._process.wait(10)
        self._process.stdout.close()  # type: ignore[union-attr]


@pytest.fixture
def dying(transactional_db: None, settings: Any) -> Iterator[Dying]:
    """The probes here and in processes that can be killed."""
    probes.register()
    services.sync_registry()
    connection.close()
    process = Dying(settings)
    yield process
    process.end()
    probes.unregister()


def effects() -> list[str]:
    """The executions whose effect is there, once for each time it happened."""
    return list(Log.objects.filter(component="probe").order_by("pk").values_list("message", flat=True))


def forget() -> None:
    Log.objects.all().delete()
    ToolExecution.objects.all().delete()
    TaskQueue.objects.all().delete()


def time_passes() -> None:
    """The time of what runs is over, and the sweep comes by; then the workers do what it has queued."""
    ToolExecution.objects.filter(status="running").update(deadline_at=timezone.now() - timedelta(hours=1))
    services.close_abandoned()
    queue.run_pending()


def is_true(name: str, step: str, row: ToolExecution) -> None:
    """What holds for a row once all is over, wherever its process died."""
    done = effects()
    assert set(done) <= {row.pk}, (name, step)
    assert row.ended, (name, step)
    if step == "run:ended":
        assert (row.status, len(done)) == ("completed", 1), (name, step)
    elif name == "plain_probe":
        assert (row.status, row.error_code) == ("failed", "lost"), (name, step)
        assert len(done) == (step == "tool:done"), (name, step)
    elif name == "safe_probe":
        assert row.status == "completed", (name, step)
        assert len(done) == 1 + (step == "tool:done"), (name, step)
    else:
        assert (row.status, len(done)) == ("completed", 1), (name, step)


def test_a_call_whose_process_is_killed_comes_to_a_true_end(alice: Any, dying: Dying) -> None:
    for name, step in INLINE:
        assert dying.do("call", die_at=step, user=alice.pk, name=name), (name, step)
        row = ToolExecution.objects.get()  # it was there before anything else could happen
        assert set(effects()) <= {row.pk}
        assert row.status == ("completed" if step == "run:ended" else "running"), (name, step)
        time_passes()
        is_true(name, step, ToolExecution.objects.get())
        forget()


def test_a_workers_run_that_is_killed_comes_to_a_true_end(alice: Any, dying: Dying) -> None:
    for name, step in QUEUED:
        services.start_tool(user=alice, name=name, arguments={})
        task = TaskQueue.objects.get(task_type="tools.run")
        assert dying.do("task", die_at=step, task_id=task.pk), (name, step)
        assert queue.reopen_dead() == 1
        queue.run_pending()
        is_true(name, step, ToolExecution.objects.get())
        forget()


def test_of_a_batch_that_is_killed_every_row_is_there(alice: Any, dying: Dying) -> None:
    for step in ("many:opened", "tool:done"):
        assert dying.do("many", die_at=step, user=alice.pk, name="plain_probe", count=3)
        ids = list(ToolExecution.objects.order_by("pk").values_list("pk", flat=True))
        assert len(ids) == 3
        assert set(effects()) <= set(ids)
        rows = services.settle_lost(ids)
        assert [(row.status, row.error_code) for row in rows] == [("failed", "lost")] * 3
        forget()


def test_consent_survives_the_death_of_whoever_asked_and_of_whoever_gave_it(alice: Any, dying: Dying) -> None:
    ToolPolicy.objects.create(effect="ask")
    assert not dying.do("call", die_at="never", user=alice.pk, name="once_probe")  # that process is gone
    row, approval = ToolExecution.objects.get(), Approval.objects.get()
    assert (row.status, approval.status, effects()) == ("pending", "pending", [])
    # Killed in the middle of agreeing: nothing is decided, and it can be decided anew.
    assert dying.do("approve", die_at="approval:approved", user=alice.pk, approval=approval.pk)
    assert Approval.objects.get().status == "pending"
    assert not TaskQueue.objects.filter(task_type="tools.run").exists()
    assert not dying.do("approve", die_at="never", user=alice.pk, approval=approval.pk)
    with pytest.raises(Conflict):
        services.reject(approval=approval, by=alice)
    # The worker that takes it up dies before the tool's end is written; its successor does it, once.
    task = TaskQueue.objects.get(task_type="tools.run")
    assert dying.do("task", die_at="tool:written", task_id=task.pk)
    assert effects() == []
    queue.reopen_dead()
    queue.run_pending()
    assert (ToolExecution.objects.get().status, effects()) == ("completed", [row.pk])


def test_a_tool_that_kills_its_process_each_time_is_given_up(alice: Any, dying: Dying) -> None:
    services.start_tool(user=alice, name="safe_probe", arguments={})
    task = TaskQueue.objects.get(task_type="tools.run")
    deaths = 0
    while deaths < 10 and dying.do("task", die_at="tool:started", task_id=task.pk):
        queue.reopen_dead()
        deaths += 1
    row = ToolExecution.objects.get()
    assert (deaths, row.status, row.error_code, effects()) == (4, "failed", "lost", [])
