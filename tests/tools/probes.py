"""Tools whose effects can be counted, and a process that calls them until it is killed at a named step.

`python -m tests.tools.probes` reads lines of JSON, does each in a child of its own and says how that ended.
"""

import json
import os
import sys
from typing import Any

from tools import registry
from tools.registry import ToolContext

NAMES = ("plain_probe", "safe_probe", "once_probe")


def register() -> None:
    """Make the probes known: one that may run once, one that may run again, one transactional."""
    for name, options in zip(NAMES, ({}, {"retry_safe": True}, {"transactional": True}), strict=True):
        registry.tool(name, category="test", description="Probes.", timeout=30, **options)(effect)


def unregister() -> None:
    """Forget them."""
    for name in NAMES:
        registry.unregister(name)


def effect(call: ToolContext) -> str:
    """Leave a line that counts this run."""
    from system.models import Log, LogLevel

    Log.objects.create(level=LogLevel.INFO, component="probe", message=call.execution_id)
    return "done"


def main() -> None:
    """Do what the lines ask for."""
    import django

    django.setup()
    from django.db import connections

    from system.queue import registry as task_types

    task_types.load()
    register()
    for line in sys.stdin:
        asked = json.loads(line)
        connections.close_all()
        child = os.fork()
        if child == 0:
            _child(asked)
        _pid, status = os.waitpid(child, 0)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
        signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        print(json.dumps({"signal": signal, "code": code}), flush=True)


def _child(asked: dict[str, Any]) -> None:
    from tools.steps import DIE_AT

    os.environ[DIE_AT] = asked.pop("die_at")
    try:
        globals()[f"do_{asked.pop('verb')}"](**asked)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def do_call(user: int, name: str, times: int = 1) -> None:
    """Run a tool inline."""
    from accounts.models import User
    from tools import services

    for _time in range(times):
        services.run_tool(user=User.objects.get(pk=user), name=name, arguments={})


def do_many(user: int, name: str, count: int) -> None:
    """Open, run and close a batch."""
    from accounts.models import User
    from tools import services

    person = User.objects.get(pk=user)
    opened = services.open_many(
        [services.Call(user=person, name=name, arguments={}) for _number in range(count)]
    )
    ends = [services.run_opened(one, here=True) for one in opened if isinstance(one, services.Opened)]
    services.close_many(ends)


def do_task(task_id: str) -> None:
    """Do a task of the queue."""
    from system import queue

    queue.run(task_id)


def do_approve(user: int, approval: str) -> None:
    """Agree."""
    from accounts.models import User
    from tools import services
    from tools.models import Approval

    services.approve(approval=Approval.objects.get(pk=approval), by=User.objects.get(pk=user))


if __name__ == "__main__":
    main()
