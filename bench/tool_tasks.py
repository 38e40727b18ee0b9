"""The tasks of `bench.tools`, in the worker: the bare callable, the same as a tool, and many at once."""

import json
import time
from functools import cache
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import transaction

from tools import registry, services


def nothing(call: Any = None) -> str:
    """What is called."""
    return "done"


registry.tool("bench_nothing", category="bench", description="Does nothing.")(nothing)


@shared_task(name="bench.tool_tasks.bare")
def bare() -> None:
    """The callable itself."""
    began = time.perf_counter()
    nothing()
    _answer(began)


@shared_task(name="bench.tool_tasks.called")
def called() -> None:
    """The same as a tool: found, checked, decided on, written down, run, its result stored."""
    began = time.perf_counter()
    row = services.run_tool(user=_user(), name="bench_nothing", arguments={})
    _answer(began, ok=row.status == "completed")


@shared_task(name="bench.tool_tasks.batch")
def batch(count: int) -> None:
    """Many of them as a plan makes them: opened, run in this thread, closed."""
    user = _user()
    began = time.perf_counter()
    with transaction.atomic():
        opened = services.open_many(
            [services.Call(user=user, name="bench_nothing", arguments={}) for _number in range(count)]
        )
    ends = [services.run_opened(one, here=True) for one in opened if isinstance(one, services.Opened)]
    with transaction.atomic():
        services.close_many(ends)
    _answer(began, ok=len(ends) == count)


@cache
def _user() -> Any:
    from accounts.models import User

    return User.objects.get(username="bench")


@cache
def _client() -> Any:
    import redis

    return redis.Redis.from_url(settings.REDIS_URL)


def _answer(began: float, ok: bool = True) -> None:
    seconds = time.perf_counter() - began
    if not ok:
        raise RuntimeError("the call did not end well")
    _client().rpush("bench:tools:answers", json.dumps({"seconds": seconds}))
