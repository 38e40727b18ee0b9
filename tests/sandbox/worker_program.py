"""A worker that does one task for each line it reads, in a process of its own that is killed at a step."""

import json
import os
import sys

import django


def main() -> None:
    django.setup()
    from django.db import connections

    from system.queue import registry

    registry.load()
    for line in sys.stdin:
        asked = json.loads(line)
        connections.close_all()
        child = os.fork()
        if child == 0:
            do(asked["task"], asked["die_at"])
        _pid, status = os.waitpid(child, 0)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
        signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        print(json.dumps({"signal": signal, "code": code}), flush=True)


def do(task_id: str, die_at: str) -> None:
    from sandbox.lifecycle.steps import DIE_AT
    from system import queue

    os.environ[DIE_AT] = die_at
    try:
        queue.run(task_id)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
