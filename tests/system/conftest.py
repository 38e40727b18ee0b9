"""What the tests of the system share."""

from datetime import timedelta

import pytest
from django.utils import timezone

from system import queue
from system.models import TaskQueue
from system.queue import registry


@pytest.fixture
def kinds(monkeypatch):
    """Task types, listeners and periodic jobs that are registered are gone after the test."""
    registry.load()
    for name in ("_types", "_listeners", "_periodic"):
        monkeypatch.setattr(registry, name, dict(getattr(registry, name)))


@pytest.fixture
def pass_time():
    """`pass_time(60)` makes every waiting and running task 60 seconds older."""

    def shift(seconds):
        back = timedelta(seconds=seconds)
        for task in TaskQueue.objects.all():
            task.available_at -= back
            task.resend_at -= back
            task.lease_until = task.lease_until and task.lease_until - back
            task.save()

    return shift


@pytest.fixture
def sent(monkeypatch):
    """The wake-ups that would have gone to the broker, as (queue, task id)."""
    from celery import current_app

    messages = []
    monkeypatch.setattr("system.queue.outbox._broker_rests_until", 0.0)
    # What earlier tests of this process left at its broker is none of this one's.
    monkeypatch.setattr("system.queue.sweeping.waiting_at_broker", lambda _queue: 0)
    monkeypatch.setattr(
        type(current_app._get_current_object()),
        "send_task",
        lambda _app, _name, args, **_options: messages.append(tuple(args)),
    )
    return messages


@pytest.fixture
def ago():
    """`ago(minutes=5)` is that moment."""
    return lambda **span: timezone.now() - timedelta(**span)


@pytest.fixture
def noted(kinds):
    """What the tasks of type `note` were given, in the order they ran."""
    seen = []

    @queue.task_type("test.note")
    def note(task, text):
        seen.append(text)

    return seen
