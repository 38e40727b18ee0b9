"""Runs of plans beside raw Celery on the same broker, in the same worker, in the same run.

Prefect runs the same graphs beside them where `PREFECT_PYTHON` names the Python of an environment that has
it; else that part is skipped by name.
"""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import parts
from bench.report import Figure
from bench.site import ROOT, process

WORKERS = 2


@contextlib.contextmanager
def stack() -> Iterator[dict[str, str]]:
    """A migrated database, and one worker of two processes."""
    servers = parts.full_stack()
    parts.empty(servers)
    with tempfile.TemporaryDirectory() as data_dir:
        settings = {
            "DATA_DIR": data_dir,
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "SECRET_KEY": "bench, a key that is long enough to be accepted everywhere",
            "ENCRYPTION_KEYS": "YmVuY2hiZW5jaGJlbmNoYmVuY2hiZW5jaGJlbmNoYmU=",
            "DJANGO_SETTINGS_MODULE": "agi_site.settings",
            "CELERY_SKIP_CHECKS": "1",
        }
        _create(servers.database_url)
        manage = [sys.executable, "manage.py", "migrate", "--skip-checks", "--verbosity=0"]
        subprocess.run(manage, cwd=ROOT, env=os.environ | settings, check=True)
        worker = [sys.executable, "-m", "bench.plans_program", "worker", "-c", str(WORKERS)]
        with process(*worker, "--loglevel", "ERROR", **settings):
            yield settings


def _create(url: str) -> None:
    from urllib.parse import urlsplit

    import MySQLdb

    at = urlsplit(url)
    server = MySQLdb.connect(host=at.hostname, port=at.port, user=at.username, password=at.password)
    server.query(f"CREATE DATABASE `{parts.DATABASE}` CHARACTER SET utf8mb4")
    server.close()


STEPS = int(os.environ.get("BENCH_STEPS", "1000"))


def figure(what: str, ours: float, raw: float, name: str, promise: str, steps: int = STEPS) -> Figure:
    """Milliseconds per step beside those of raw Celery."""
    return Figure(
        what,
        f"{ours / steps * 1000:.2f} ms a step",
        f"{raw / steps * 1000:.2f} ms a step, {name}",
        f"{ours / raw:.2f} ×",
        promise,
    )


def measure() -> list[Figure]:
    """Chain, fan and layers of 1,000 steps, and what a step costs among 100 and among 5,000."""
    with stack() as settings:
        told = subprocess.run(
            [sys.executable, "-m", "bench.plans_program", "measure"],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            check=True,
        )
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    count = int(found["steps"])
    by_hand, canvas, safe, none, unsafe = found["chain"]
    fan, safe_fan, none_fan = found["fan"]
    layers, safe_layers, none_layers = found["layers"]
    few, many = (seconds / steps for seconds, steps in zip(found["flat"], (100, 5 * count), strict=True))
    plain_few, plain_many = (
        seconds / steps for seconds, steps in zip(found["plain_flat"], (100, 5 * count), strict=True)
    )
    hand, chord = "each task sends the next", "chord"
    return [
        figure("chain of 1,000, tools", safe, by_hand, hand, "1.8 ×"),
        figure("chain of 1,000, tools", safe, canvas, "canvas chain", "under 1 ×"),
        figure("chain of 1,000, milestones", none, by_hand, hand, "1.8 ×"),
        figure("chain of 1,000, tools not safe to repeat", unsafe, by_hand, hand, "–"),
        figure("1 → 998 → 1, tools", safe_fan, fan, chord, "1.0 ×"),
        figure("1 → 998 → 1, milestones", none_fan, fan, chord, "1.0 ×"),
        figure("10 layers of 100, tools", safe_layers, layers, chord, "1.0 ×"),
        figure("10 layers of 100, milestones", none_layers, layers, chord, "1.0 ×"),
        Figure(
            "a step among 5,000",
            f"{many * 1000:.2f} ms",
            f"{few * 1000:.2f} ms, among 100",
            f"{many / few:.2f} ×",
            "1.3 ×",
        ),
        Figure(
            "a milestone among 5,000",
            f"{plain_many * 1000:.2f} ms",
            f"{plain_few * 1000:.2f} ms, among 100",
            f"{plain_many / plain_few:.2f} ×",
            "1.3 ×",
        ),
        *_prefect(safe_fan),
    ]


def _prefect(ours: float) -> list[Figure]:
    """The fan of 1,000 by Prefect 3, its own server and database."""
    python = os.environ.get("PREFECT_PYTHON", "")
    if not python:
        print("  skipped: Prefect: PREFECT_PYTHON names no Python that has it", flush=True)
        return []
    program = Path(__file__).with_name("plans_prefect.py")
    told = subprocess.run([python, str(program)], stdout=subprocess.PIPE, check=True, cwd="/tmp")
    seconds = float(told.stdout.split()[-1])
    return [figure("1 → 998 → 1, tools", ours, seconds, "Prefect 3", "–")]
