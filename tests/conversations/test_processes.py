"""The turn in a real worker on a real Redis, with a slow model server: killed in mid-answer, and stopped.

A worker that dies loses nothing that was written: its successor keeps the draft and writes one answer.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.infra.processes import ROOT, environment, running, wait_until
from tests.lib.engines.scripted_server import ScriptedServer, text_reply

pytestmark = [pytest.mark.redis, pytest.mark.slow]

WORDS = [f"word{number} " for number in range(40)]


@pytest.fixture
def model_server() -> Iterator[ScriptedServer]:
    import threading

    server = ScriptedServer()
    server.remembers_nothing = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def site(tmp_path: Path, redis_url: str, model_server: ScriptedServer) -> Iterator[SimpleNamespace]:
    """An empty site on SQLite and Redis, its model server, and a client in a process of its own."""
    env = environment(
        tmp_path,
        DATABASE_URL=f"sqlite:///{tmp_path}/site.sqlite3",
        REDIS_URL=redis_url,
        SECRET_KEY="a key for tests only, long enough to be accepted everywhere",
        ENCRYPTION_KEYS="unused",
        CHAT_ENGINE="openai",
        CHAT_BASE_URL=model_server.base_url,
        CHAT_MODEL="scripted-1",
        LANGUAGE_ENGINE="fake",
        TASK_LEASE_SECONDS="3",
        TASK_SWEEP_SECONDS="1",
        CELERY_SKIP_CHECKS="1",
    )
    migrate = [sys.executable, "manage.py", "migrate", "--skip-checks", "--verbosity=0"]
    subprocess.run(migrate, cwd=ROOT, env=env, check=True, timeout=400)
    client = subprocess.Popen(
        [sys.executable, "-m", "tests.conversations.program"],
        cwd=ROOT,
        env=env,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    made = SimpleNamespace(env=env, folder=tmp_path, client=client, server=model_server)
    assert talk(made) == "ready"
    yield made
    client.communicate(timeout=20)


def talk(site: SimpleNamespace, *request: str) -> Any:
    """Send a request to the client, if any, and return its next answer."""
    if request:
        site.client.stdin.write(json.dumps(request) + "\n")
        site.client.stdin.flush()
    return json.loads(site.client.stdout.readline())


def worker(site: SimpleNamespace, name: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A Celery worker in a process group of its own; killed at the end, -9."""
    command = [sys.executable, "-m", "celery", "-A", "agi_site", "worker", "-n", f"{name}@%h", "-c", "1"]
    return running([*command, "--without-gossip", "--without-mingle"], site.env, site.folder / f"{name}.log")


def log_of(site: SimpleNamespace) -> str:
    return "\n".join(path.read_text()[-3000:] for path in sorted(site.folder.glob("*.log")))


def wait_for(site: SimpleNamespace, answer: str, **facts: Any) -> dict[str, Any]:
    """Wait for an answer to have a status, or at least so many characters."""

    def reached() -> bool:
        found = talk(site, "look", answer)
        return found["status"] == facts.get("status", found["status"]) and len(found["content"]) >= facts.get(
            "length", 0
        )

    try:
        wait_until(reached, 40)
    except TimeoutError:
        pytest.fail(f"{talk(site, 'look', answer)}\n{log_of(site)}")
    found: dict[str, Any] = talk(site, "look", answer)
    return found


def replay(events: list[list[Any]]) -> str:
    """The text as a client of the stream has it."""
    text = ""
    for name, data in events:
        if name == "message.reset":
            text = ""
        elif name == "message.delta":
            assert data["offset"] == len(text)
            text += data["text"]
    return text


def test_a_worker_killed_in_mid_answer_loses_nothing(site: SimpleNamespace) -> None:
    site.server.script(text_reply(*WORDS, delay=0.1), text_reply("The ", "whole ", "answer."))
    _conversation, answer = talk(site, "post", "Tell me everything")
    with worker(site, "first") as first:
        half = wait_for(site, answer, length=60)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    assert half["status"] == "streaming"
    left = talk(site, "look", answer)["content"]
    assert len(left) >= 60
    with worker(site, "second"):
        whole = wait_for(site, answer, status="complete")
    assert whole["content"] == "The whole answer."
    assert whole["facts"]["drafts"] == [left]
    told = talk(site, "events", answer)
    assert replay(told) == "The whole answer."
    assert [name for name, _data in told].count("message.done") == 1
    assert len(site.server.requests) == 2


def test_stop_works_within_half_a_second_while_the_model_is_silent(site: SimpleNamespace) -> None:
    site.server.script(text_reply("Once upon a time", then="stall"))
    _conversation, answer = talk(site, "post", "Tell me a story")
    with worker(site, "teller"):
        wait_for(site, answer, length=10)
        begun = time.monotonic()
        talk(site, "stop", answer)
        stopped = wait_for(site, answer, status="stopped")
        took = time.monotonic() - begun
        assert site.server.hung_up.wait(5), "the model server was not told"
        wait_until(lambda: talk(site, "events", answer)[-1][0] == "turn.stopped", 30)
    assert stopped["content"] == "Once upon a time"
    assert took < 1.0  # half a second is the promise; the machine that tests may be busy
