"""A client and a worker of the queue as programs of their own, with task types whose effects can be counted.

`python -m tests.system.program client` answers requests, `... drain N` claims, `... worker ARGUMENTS` works.
"""

import json
import multiprocessing
import os
import sys
import time
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")

import django

django.setup()

from celery import current_app  # noqa: E402
from django.db import close_old_connections, connection, transaction  # noqa: E402

from system import queue  # noqa: E402
from system.queue import worker  # noqa: E402


def leave_effect(task: queue.TaskRun) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO effect (task_id, attempt) VALUES (%s, %s)", [task.id, task.attempt])


@queue.task_type("test.effect", transactional=True, max_retries=20)
def effect(task: queue.TaskRun, seconds: float = 0.0) -> None:
    """Writes its effect, then dawdles before it is committed."""
    leave_effect(task)
    time.sleep(seconds)


@queue.task_type("test.patient", max_retries=20, time_limit=60)
def patient(task: queue.TaskRun, seconds: float = 0.0) -> dict[str, Any]:
    """Works in small steps and stops when it is told to."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        task.check()
        time.sleep(0.02)
    with transaction.atomic():
        leave_effect(task)
    return {"attempt": task.attempt}


@queue.task_type("test.deaf", max_retries=0, time_limit=0.5)
def deaf(task: queue.TaskRun, seconds: float = 0.0) -> None:
    """Ignores its time limit."""
    time.sleep(seconds)


def client() -> None:
    """Answer a line `["enqueue", kind, count, seconds]` with ids, and `["cancel", id]` when it is done."""
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        close_old_connections()  # as between two requests: the server may have been restarted
        match json.loads(line):
            case ["enqueue", kind, count, seconds]:
                answer = enqueue(kind, count, seconds)
            case ["cancel", task_id]:
                answer = [queue.cancel(task_id=task_id, by=None).pk]
        print(json.dumps(answer), flush=True)


def enqueue(kind: str, count: int, seconds: float) -> list[str]:
    with transaction.atomic():
        return [queue.enqueue(task_type=kind, payload={"seconds": seconds}).pk for _n in range(count)]


def drain(processes: str) -> None:
    """Claim everything there is in several processes at once; prints what each got."""
    forked = multiprocessing.get_context("fork")
    together = forked.Barrier(int(processes))
    with forked.Pool(int(processes), initializer=together.wait) as pool:
        print(json.dumps(pool.map(claim_all, range(int(processes)), chunksize=1)))


def claim_all(_number: int) -> list[str]:
    mine = []
    while (row := worker.claim(queue="default")) is not None:
        mine.append(row.pk)
    return mine


def work(*arguments: str) -> None:
    current_app.worker_main(["worker", "--without-gossip", "--without-mingle", *arguments])


if __name__ == "__main__":
    command, *values = sys.argv[1:]
    {"client": client, "drain": drain, "worker": work}[command](*values)
