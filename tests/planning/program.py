"""A client and workers of plans as programs of their own, with tools whose effects can be counted.

`python -m tests.planning.program client` answers requests, a line of JSON each; `... worker ARGUMENTS` works.
"""

import fcntl
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")

import django

django.setup()

from celery import current_app  # noqa: E402
from django.db import close_old_connections, connection  # noqa: E402

from accounts.models import User  # noqa: E402
from planning import services  # noqa: E402
from planning.models import PlanExecution, PlanStepExecution  # noqa: E402
from planning.services import StepDraft  # noqa: E402
from system.models import Log, TaskQueue  # noqa: E402
from tools import registry  # noqa: E402
from tools.models import ToolExecution  # noqa: E402

EFFECTS = Path(os.environ["EFFECTS"])
SECONDS = registry.Parameter("seconds", "number", "how long it takes", default=0)


@registry.tool(
    "test_row",
    category="test",
    description="writes a row",
    parameters=[SECONDS],
    transactional=True,
    timeout=60,
)
def write_row(call: registry.ToolContext, seconds: float = 0) -> dict[str, Any]:
    """Its effect is a row; it dawdles before it is committed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO effect (step_id, call_id) VALUES (%s, %s)", [call.trigger[1], call.execution_id]
        )
    time.sleep(seconds)
    return {"row": call.trigger[1]}


@registry.tool(
    "test_line",
    category="test",
    description="appends a line",
    parameters=[SECONDS],
    retry_safe=True,
    timeout=60,
)
def append_line(call: registry.ToolContext, seconds: float = 0) -> dict[str, Any]:
    """Its effect is a line in a file, which it writes once for each idempotency key."""
    time.sleep(seconds / 2)
    with EFFECTS.open("a+") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        lines.seek(0)
        if f"{call.idempotency_key}\n" not in lines:
            lines.write(f"{call.idempotency_key}\n")
    time.sleep(seconds / 2)
    return {"line": call.idempotency_key}


@registry.tool(
    "test_beat", category="test", description="works and says so", parameters=[SECONDS], timeout=120
)
def beat(call: registry.ToolContext, seconds: float = 0) -> dict[str, Any]:
    """Works for a while in small pieces, and is not safe to be done twice."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if call.cancelled():
            raise registry.ToolFailure("stopped")
        time.sleep(0.01)
    return {"beat": True}


@registry.tool("test_quick", category="test", description="nothing", retry_safe=True)
def quick(call: registry.ToolContext) -> dict[str, Any]:
    """Nothing, quickly."""
    return {}


@registry.tool("test_unsafe", category="test", description="nothing, not safe to be done twice")
def unsafe(call: registry.ToolContext) -> dict[str, Any]:
    """Nothing, quickly, but who knows."""
    return {}


def graph(seed: int, count: int, seconds: float) -> list[StepDraft]:
    """A random graph: each step waits for up to three of the twenty before it."""
    chance = random.Random(seed)
    kinds = ["test_row", "test_line", "test_line", ""]
    steps = []
    for number in range(count):
        near = range(max(0, number - 20), number)
        after = [f"s{other}" for other in chance.sample(near, min(len(near), chance.randrange(4)))]
        tool = chance.choice(kinds)
        took = chance.choice([0, 0, 0, seconds])
        steps.append(
            StepDraft(
                key=f"s{number}",
                kind="tool" if tool else "none",
                tool_name=tool,
                arguments={"seconds": took} if tool else None,
                depends_on=after,
            )
        )
    return steps


def alike(tool: str, shape: str, count: int, seconds: float) -> list[StepDraft]:
    """Steps that all do the same: in a chain, fanned out between two, or in ten layers."""
    keys = [f"s{number}" for number in range(count)]
    width = max(1, count // 10)
    after = {
        "chain": lambda number: keys[number - 1 : number],
        "fan": lambda number: [] if not number else keys[1:-1] if number == count - 1 else keys[:1],
        "layers": lambda number: (
            keys[(number // width - 1) * width : number // width * width] if number >= width else []
        ),
        "free": lambda number: [],
    }[shape]
    arguments = {"seconds": seconds} if seconds else None
    kind = {"kind": "tool", "tool_name": tool, "arguments": arguments} if tool else {}
    return [StepDraft(key=key, depends_on=after(number), **kind) for number, key in enumerate(keys)]


def person() -> Any:
    return User.objects.filter(username="alice").first() or User.objects.create_user(
        "alice", "alice@example.com"
    )


def start(steps: list[StepDraft]) -> str:
    plan = services.create_plan(owner=person(), title="crash", steps=steps)
    return str(services.start_plan(plan=plan, by=plan.user).pk)


def look(execution_id: str) -> dict[str, Any]:
    execution = PlanExecution.objects.get(pk=execution_id)
    steps = PlanStepExecution.objects.filter(execution=execution)
    return {
        "status": execution.status,
        "error": execution.error_details,
        "steps": Counter(steps.values_list("status", flat=True)),
        "running": steps.filter(status="running").count(),
        "calls": ToolExecution.objects.filter(status__in=["pending", "running"]).count(),
        "seconds": (execution.completed_at - execution.started_at).total_seconds()
        if execution.completed_at
        else None,
    }


def effects(execution_id: str) -> dict[str, Any]:
    """The steps that should have left an effect, and those that have, as often as they have."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT step_id FROM effect")
        rows = [int(row[0]) for row in cursor.fetchall()]
    lines = [int(line.rpartition("-")[2]) for line in EFFECTS.read_text().split()] if EFFECTS.exists() else []
    steps = PlanStepExecution.objects.filter(execution=execution_id, status="completed", kind="tool")
    expected = {pk: spec["tool_name"] for pk, spec in steps.values_list("pk", "spec")}
    return {
        "rows": sorted(pk for pk in rows if pk in expected),
        "lines": sorted(pk for pk in lines if pk in expected),
        "expected_rows": sorted(pk for pk, tool in expected.items() if tool == "test_row"),
        "expected_lines": sorted(pk for pk, tool in expected.items() if tool == "test_line"),
    }


def health(execution_id: str) -> dict[str, Any]:
    """What tells of a crash that was none: tasks that were reopened, steps that were taken over."""
    steps = PlanStepExecution.objects.filter(execution=execution_id)
    return {
        "attempts": max(steps.values_list("attempt", flat=True)),
        "lost": sum(bool((usage or {}).get("lost")) for usage in steps.values_list("usage", flat=True)),
        "reopened": TaskQueue.objects.filter(retry_count__gt=0).count(),
        "left": Log.objects.filter(message__contains="was left by").count(),
    }


def client() -> None:
    """Answer requests until the input ends."""
    from tools.services import sync_registry

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS effect (step_id VARCHAR(36), call_id VARCHAR(36))")
    sync_registry()
    print(json.dumps("ready"), flush=True)
    verbs = {
        "random": lambda seed, count, seconds: start(graph(seed, count, seconds)),
        "alike": lambda tool, shape, count, seconds: start(alike(tool, shape, count, seconds)),
        "look": look,
        "effects": effects,
        "health": health,
        "cancel": lambda pk: str(
            services.cancel_plan(execution=PlanExecution.objects.get(pk=pk), by=person()).status
        ),
    }
    for line in sys.stdin:
        close_old_connections()  # as between two requests: the server may have been restarted
        verb, *arguments = json.loads(line)
        print(json.dumps(verbs[verb](*arguments)), flush=True)


def work(*arguments: str) -> None:
    current_app.worker_main(["worker", "--without-gossip", "--without-mingle", *arguments])


if __name__ == "__main__":
    command, *values = sys.argv[1:]
    {"client": client, "worker": work}[command](*values)
