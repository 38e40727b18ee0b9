"""What a tool call costs: a no-op host tool beside the bare callable, both in Celery tasks.

One worker process on real Redis and MariaDB does both, in turn. The client sends a task and waits for its
word over Redis, so the baseline is what Celery itself takes for a task and its answer.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench import parts
from bench.report import Figure, percentiles, told
from bench.site import ROOT, process

PAIRS = 150
WARM_UP = 20
BATCHES, BATCH = 15, 100
DATABASE, REDIS_DATABASE = "agi_bench_tools", 62
QUEUE = "bench-tools"


@dataclass(frozen=True)
class World:
    """A database with the program's tables, a broker, and a worker; `ask` runs one of its tasks."""

    client: Any
    celery: Any

    def ask(self, task: str, *arguments: Any) -> tuple[float, dict[str, float]]:
        """Seconds from sending a task to its word, and what it says itself."""
        began = time.perf_counter()
        self.celery.send_task(
            f"bench.tool_tasks.{task}", args=arguments, queue=QUEUE, ignore_result=True, retry=False
        )
        answer = self.client.blpop("bench:tools:answers", timeout=60)
        if answer is None:
            raise RuntimeError(f"the worker did not answer {task}")
        return time.perf_counter() - began, json.loads(answer[1])


def measure() -> list[Figure]:
    """Calls one at a time, and in batches as plans make them."""
    with running() as world:
        for _time in range(WARM_UP):
            world.ask("bare")
            world.ask("called")
        bare, called, inside = _pairs(world)
        batches = [world.ask("batch", BATCH)[1]["seconds"] / BATCH for _time in range(BATCHES)]
    middle = percentiles(bare)[0]
    return [
        Figure(
            "tool call in a task (p50 / p95)",
            told(called),
            f"{told(bare)}, the bare callable",
            f"{percentiles(called)[0] / middle:.2f} ×",
            "–",
        ),
        Figure(
            "the call itself: checks, policy, ledger, result",
            told(inside),
            f"{told(bare)}, a bare task",
            f"{percentiles(inside)[0] / middle:.2f} ×",
            "–",
        ),
        Figure(
            f"one of {BATCH} opened and closed at once",
            told(batches),
            f"{told(bare)}, a bare task",
            f"{percentiles(batches)[0] / middle:.2f} ×",
            "–",
        ),
    ]


def _pairs(world: World) -> tuple[list[float], list[float], list[float]]:
    bare, called, inside = [], [], []
    for number in range(PAIRS):
        for task in ("bare", "called") if number % 2 else ("called", "bare"):
            seconds, said = world.ask(task)
            if task == "bare":
                bare.append(seconds)
            else:
                called.append(seconds)
                inside.append(said["seconds"])
    return bare, called, inside


@contextlib.contextmanager
def running() -> Iterator[World]:
    """The worker on a database and a broker of this bench's own; raises Skipped where there is none."""
    servers = parts.full_stack()
    database = servers.database_url.rpartition("/")[0] + f"/{DATABASE}"
    broker = servers.redis_url.rpartition("/")[0] + f"/{REDIS_DATABASE}"
    with tempfile.TemporaryDirectory() as data_dir:
        settings = {
            "DATA_DIR": data_dir,
            "DATABASE_URL": database,
            "REDIS_URL": broker,
            "SECRET_KEY": "bench",
            "ENCRYPTION_KEYS": "YmVuY2hiZW5jaGJlbmNoYmVuY2hiZW5jaGJlbmNoYmU=",
            "CHAT_ENGINE": "fake",
            "EMBEDDING_ENGINE": "fake",
            "LANGUAGE_ENGINE": "fake",
            "DJANGO_SETTINGS_MODULE": "agi_site.settings",
        }
        _fresh(database, broker)
        for command in (["migrate", "--verbosity=0"], ["shell", "--verbosity=0", "-c", _PREPARE]):
            subprocess.run(
                [sys.executable, "manage.py", *command], cwd=ROOT, env=os.environ | settings, check=True
            )
        worker = [sys.executable, "-m", "celery", "-A", "agi_site", "worker", "-I", "bench.tool_tasks"]
        options = ["-Q", QUEUE, "--pool", "prefork", "-c", "1", "--without-gossip", "--without-mingle"]
        try:
            with process(*worker, *options, **settings):
                yield _joined(broker)
        finally:
            _drop(database)


_PREPARE = (
    "from accounts.models import User\n"
    "from bench import tool_tasks\n"
    "from tools import services\n"
    "User.objects.create_user('bench', 'bench@example.com')\n"
    "services.sync_registry()\n"
)


def _joined(broker: str) -> World:
    import redis
    from celery import Celery

    client = redis.Redis.from_url(broker, socket_timeout=120)
    world = World(client, Celery("bench", broker=broker))
    world.celery.conf.task_ignore_result = True
    world.ask("bare")  # returns when the worker is there
    return world


def _fresh(database: str, broker: str) -> None:
    import redis

    _drop(database)
    _query(database, f"CREATE DATABASE `{DATABASE}` CHARACTER SET utf8mb4")
    redis.Redis.from_url(broker).flushdb()


def _drop(database: str) -> None:
    _query(database, f"DROP DATABASE IF EXISTS `{DATABASE}`")


def _query(database: str, statement: str) -> None:
    import MySQLdb

    at = urlsplit(database)
    server = MySQLdb.connect(
        host=at.hostname, port=at.port or 3306, user=at.username, password=at.password or ""
    )
    server.query(statement)
    server.close()
