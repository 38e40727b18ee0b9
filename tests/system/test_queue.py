"""The queue drained in this thread: what is stored, in which order it runs, and how it ends."""

import pytest

from system import queue
from system.models import TaskStatus
from system.queue import registry

pytestmark = pytest.mark.django_db


@pytest.fixture
def kinds(monkeypatch):
    """Task types of this test only."""
    monkeypatch.setattr(registry, "_types", dict(registry._types))
    monkeypatch.setattr(registry, "_listeners", dict(registry._listeners))
    return registry


def test_a_task_runs_with_its_payload_and_keeps_its_result(kinds):
    @queue.task_type("test.add")
    def add(task, a, b):
        return {"sum": a + b, "attempt": task.attempt}

    task = queue.enqueue(task_type="test.add", payload={"a": 1, "b": 2})
    assert queue.run_pending() == 1
    task.refresh_from_db()
    assert (task.status, task.result) == (TaskStatus.COMPLETED, {"sum": 3, "attempt": 1})
