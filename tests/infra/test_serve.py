"""The embedded run: one process that prepares itself, answers, works and ends when told to."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import database
from tests.infra.processes import ROOT, environment, free_ports, serve, status_of, wait_until

# Seconds to the end: two to three alone, more beside other tests; without an end of its own it would be 30.
SOON = 15


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of an installation of its own."""
    return environment(tmp_path / "data", PORT=str(free_ports()))


def address(home: dict[str, str]) -> str:
    return f"http://127.0.0.1:{home['PORT']}/accounts/sign-in/"


def start_and_end(home: dict[str, str], log: Path, number: int) -> tuple[float, float, str]:
    """Seconds to the first page, seconds to the end after signal `number`, and what was printed."""
    with serve(home, log) as process:
        first_page = wait_until(lambda: status_of(address(home)) == 200 or process.poll() is not None, 180)
        assert process.poll() is None, log.read_text()
        process.send_signal(number)
        ended = wait_until(lambda: process.poll() is not None, 30)
        assert process.returncode == 0
    return first_page, ended, log.read_text()


@pytest.mark.slow
def test_a_second_start_is_quicker_and_shows_no_password(home, tmp_path):
    first, ended, printed = start_and_end(home, tmp_path / "first.log", signal.SIGINT)
    assert ended < SOON
    assert "assword" in printed
    second, ended, printed = start_and_end(home, tmp_path / "second.log", signal.SIGTERM)
    assert second < first
    assert ended < SOON
    assert "assword" not in printed
    assert f":{home['PORT']}/" in printed


@pytest.mark.slow
def test_an_open_stream_does_not_keep_it_from_ending(home, tmp_path):
    database.copy_sqlite(Path(home["DATA_DIR"]) / "agi.sqlite3")
    with serve(home, tmp_path / "log") as process:
        wait_until(lambda: status_of(address(home)) == 200, 60)
        with socket.create_connection(("127.0.0.1", int(home["PORT"]))) as half_sent:
            half_sent.sendall(
                b"POST /accounts/sign-in/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
            )
            process.send_signal(signal.SIGINT)
            assert wait_until(lambda: process.poll() is not None, 30) < SOON


def test_a_taken_port_is_said_in_one_line_with_the_way_out(home):
    with socket.create_server(("127.0.0.1", int(home["PORT"]))):
        for command in ([sys.executable, "manage.py", "serve"], ["scripts/run"]):
            ended = subprocess.run(
                command, cwd=ROOT, env=home, capture_output=True, text=True, timeout=60, check=False
            )
            assert ended.returncode == 1
            assert len(ended.stderr.splitlines()) == 1
            assert f"PORT={int(home['PORT']) + 1} make run" in ended.stderr


def test_it_refuses_to_start_beside_a_broker_and_names_the_way(home):
    home |= {
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": "x" * 60,
        "ENCRYPTION_KEYS": os.urandom(8).hex(),
    }
    ended = subprocess.run(
        [sys.executable, "manage.py", "serve"],
        cwd=ROOT,
        env=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "docker compose up" in ended.stderr
