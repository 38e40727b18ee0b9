"""The two sides of the bench of plans: `worker` does both kinds of work, `measure` asks for them in turn.

Raw Celery runs in the very worker that runs the plans: same processes, same broker, same settings. Its
results, which chords need, go to the same Redis.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")

import django

django.setup()

import redis  # noqa: E402
from celery import chain, chord, current_app, group, shared_task  # noqa: E402
from django.conf import settings  # noqa: E402

from tools import registry  # noqa: E402

DONE = "bench:done"
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
STEPS = int(os.environ.get("BENCH_STEPS", "1000"))  # fewer are for trying the bench itself
app = current_app._get_current_object()
app.conf.result_backend = settings.REDIS_URL
store = redis.Redis.from_url(settings.REDIS_URL, decode_responses=True)


# --- Raw Celery -------------------------------------------------------------------------------------------
@shared_task(name="bench.next")
def send_next(left: int) -> None:
    """A chain by hand: each task sends the next."""
    if left > 1:
        send_next.delay(left - 1)
    else:
        finish()


@shared_task(name="bench.nothing", ignore_result=False)
def nothing(*_before: Any) -> int:
    """A task of a chain, a group or a chord."""
    return 0


@shared_task(name="bench.last", ignore_result=False)
def last(*_before: Any) -> int:
    """The last one."""
    finish()
    return 0


def finish() -> None:
    """Say when it was."""
    store.lpush(DONE, repr(time.time()))


def raw(send: Callable[[], Any]) -> float:
    """Seconds from sending to the end of the last task."""
    store.delete(DONE)
    began = time.time()
    send()
    while (ended := store.rpop(DONE)) is None:
        time.sleep(0.02)
        if time.time() - began > 300:
            raise RuntimeError("raw Celery did not come to its end")
    return float(ended) - began


def canvas_chain(count: int) -> None:
    """A chain of the canvas: `count` tasks."""
    chain(*[nothing.si() for _number in range(count - 1)], last.si()).apply_async()


def fan(count: int) -> None:
    """One, then all but two, then one."""
    chain(nothing.si(), chord(group(nothing.si() for _number in range(count - 2)), last.si())).apply_async()


def layers(number: int, width: int) -> None:
    """Layers, each a chord into the next."""
    parts = [chord(group(nothing.si() for _n in range(width)), nothing.si()) for _layer in range(number)]
    chain(*parts, last.si()).apply_async()


# --- Plans ------------------------------------------------------------------------------------------------
@registry.tool("bench_safe", category="bench", description="nothing", retry_safe=True)
def safe(call: registry.ToolContext) -> dict[str, Any]:
    """Nothing; doing it twice is the same as once."""
    return {}


@registry.tool("bench_unsafe", category="bench", description="nothing, but who knows")
def unsafe(call: registry.ToolContext) -> dict[str, Any]:
    """Nothing, but nobody says that doing it twice is harmless."""
    return {}


def shape(name: str, count: int) -> list[list[int]]:
    """Whom each of `count` steps waits for."""
    if name == "chain":
        return [[number - 1] if number else [] for number in range(count)]
    if name == "fan":
        return [[], *[[0] for _n in range(count - 2)], list(range(1, count - 1))]
    width = count // 10
    return [
        list(range((number // width - 1) * width, number // width * width)) if number >= width else []
        for number in range(count)
    ]


def plan_of(tool: str, name: str, count: int) -> Any:
    """A stored plan of that shape whose steps call the tool, or do nothing."""
    from accounts.models import User
    from planning import services

    owner = User.objects.filter(username="bench").first()
    owner = owner or User.objects.create_user("bench", "bench@example.com")
    what = {"kind": "tool", "tool_name": tool} if tool else {}
    steps = [
        services.StepDraft(key=f"s{number}", depends_on=[f"s{other}" for other in waits], **what)
        for number, waits in enumerate(shape(name, count))
    ]
    return services.create_plan(owner=owner, title=f"{name} {count}", steps=steps)


def run(plan: Any) -> float:
    """Seconds from starting the run to its end."""
    from planning import services

    began = time.time()
    execution = services.start_plan(plan=plan, by=plan.user)
    while execution.status in ("pending", "running"):
        time.sleep(0.02)
        execution.refresh_from_db()
        if time.time() - began > 300:
            raise RuntimeError("the run did not come to its end")
    if execution.status != "completed":
        raise RuntimeError(f"the run {execution.status}: {execution.error_details}")
    return float(execution.completed_at.timestamp() - began)


# --- In turn ----------------------------------------------------------------------------------------------
def in_turn(*sides: Callable[[], float]) -> list[float]:
    """The median seconds of each side, taken in turn after one round that does not count."""
    rounds = [[side() for side in sides] for _round in range(ROUNDS + 1)][1:]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def measure() -> dict[str, Any]:
    """Seconds of every side, by name."""
    from tools.services import sync_registry

    sync_registry()
    count = STEPS
    found: dict[str, Any] = {"rounds": ROUNDS, "steps": STEPS}
    plans = {
        (tool, name): plan_of(tool, name, count)
        for tool in ("bench_safe", "")
        for name in ("chain", "fan", "layers")
    }
    plans["bench_unsafe", "chain"] = plan_of("bench_unsafe", "chain", count)
    found["chain"] = in_turn(
        lambda: raw(lambda: send_next.delay(count)),
        lambda: raw(lambda: canvas_chain(count)),
        lambda: run(plans["bench_safe", "chain"]),
        lambda: run(plans["", "chain"]),
        lambda: run(plans["bench_unsafe", "chain"]),
    )
    found["fan"] = in_turn(
        lambda: raw(lambda: fan(count)),
        lambda: run(plans["bench_safe", "fan"]),
        lambda: run(plans["", "fan"]),
    )
    found["layers"] = in_turn(
        lambda: raw(lambda: layers(10, count // 10)),
        lambda: run(plans["bench_safe", "layers"]),
        lambda: run(plans["", "layers"]),
    )
    few, many = plan_of("bench_safe", "chain", 100), plan_of("bench_safe", "chain", 5 * count)
    found["flat"] = in_turn(lambda: run(few), lambda: run(many))
    found["plain_flat"] = in_turn(lambda: run(plans_of_none(100)), lambda: run(plans_of_none(5 * count)))
    return found


_none: dict[int, Any] = {}


def plans_of_none(count: int) -> Any:
    """A chain of steps that do nothing."""
    if count not in _none:
        _none[count] = plan_of("", "chain", count)
    return _none[count]


if __name__ == "__main__":
    command, *values = sys.argv[1:]
    if command == "worker":
        app.worker_main(["worker", "--without-gossip", "--without-mingle", *values])
    else:
        print(json.dumps(measure()), flush=True)
