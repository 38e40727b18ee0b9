"""The full stack's shape as processes: gunicorn, uvicorn, workers, beat, Caddy on MariaDB and Redis."""

import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from tests.infra.processes import environment, free_ports, running, status_of, wait_until

pytestmark = [pytest.mark.mariadb, pytest.mark.redis, pytest.mark.slow]


@pytest.fixture
def stack(mariadb_url: str, redis_url: str, caddy: str, tmp_path: Path) -> Iterator[Any]:
    """The environment of a stack that answers, its process and its log."""
    env = environment(
        tmp_path,
        PORT=str(free_ports(3)),
        FULL_STACK_DIR=str(tmp_path / "stack"),
        FULL_STACK_DB=mariadb_url.rsplit("/", 1)[1],
        FULL_STACK_REDIS_URL=redis_url,
    )
    log = tmp_path / "log"
    with running(["scripts/full-stack"], env, log) as process:
        wait_until(lambda: "answers at" in log.read_text() or process.poll() is not None, 240)
        assert process.poll() is None, log.read_text()
        yield env, process, log
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def server_of(url: str) -> str:
    """The Server header of whoever answers at `url`, the proxy's own left out."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            headers = answer.headers
    except urllib.error.HTTPError as error:
        headers = error.headers
    return ",".join(value for value in headers.get_all("Server", []) if value != "Caddy")


def workers_that_answer(redis_url: str) -> set[str]:
    """The names of the workers that answer a ping."""
    with Celery(broker=redis_url, set_as_current=False) as app:
        return {name.partition("@")[0] for reply in app.control.ping(timeout=2) for name in reply}


def test_it_answers_routes_streams_apart_works_and_ends(stack, redis_url):
    env, process, _log = stack
    proxy = f"http://127.0.0.1:{env['PORT']}"
    assert status_of(f"{proxy}/accounts/sign-in/") == 200
    assert "gunicorn" in server_of(f"{proxy}/accounts/sign-in/")
    assert "uvicorn" in server_of(f"{proxy}/events/conversations/none/")
    assert "uvicorn" in server_of(f"{proxy}/mcp/")
    # A worker that is still loading its engines does not hear the first ping.
    wait_until(lambda: workers_that_answer(redis_url) == {"default", "sandbox"}, 60)
    process.send_signal(signal.SIGTERM)
    assert wait_until(lambda: process.poll() is not None, 20) < 20
    assert status_of(f"{proxy}/accounts/sign-in/") == 0
