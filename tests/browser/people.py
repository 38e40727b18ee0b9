"""The program in front of which people sit, and what they do there."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import database
from tests.infra.processes import environment, free_ports, serve, status_of, wait_until

PASSWORD = "correct horse battery"
STARTED_WITHIN = 240  # seconds; a first start trains the language heads


@dataclass(frozen=True)
class Site:
    """A running installation: its address and its database."""

    url: str
    data_dir: Path

    def admin_password(self) -> str:
        """What the first start printed, once, for the operator."""
        printed = (self.data_dir.parent / "serve.log").read_text()
        return re.findall(r"with the password\s+(\S+)", printed)[0]

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What stands in the database, read past the program."""
        with closing(sqlite3.connect(self.data_dir / "agi.sqlite3")) as database:
            return database.execute(sql, values).fetchall()


def started(data_dir: Path, **settings: str) -> Iterator[Site]:
    """An installation of its own, until the tests that share it are done."""
    port = str(free_ports())
    database.copy_sqlite(data_dir / "agi.sqlite3")  # test_serve.py is about the first start from nothing
    # All tests of the browser sign up from one address, some dozens within an hour.
    env = environment(data_dir, PORT=port, SIGN_UPS_PER_ADDRESS="1000", **settings)
    url = f"http://127.0.0.1:{port}"
    log = data_dir.parent / "serve.log"
    with serve(env, log) as process:
        wait_until(
            lambda: status_of(f"{url}/accounts/sign-in/") == 200 or process.poll() is not None, STARTED_WITHIN
        )
        assert process.poll() is None, log.read_text()
        yield Site(url, data_dir)
        assert "Traceback" not in log.read_text(), log.read_text()[-4000:]


def sign_up(page: Any, site: Site, name: str, nickname: str) -> None:
    """A new person makes an account, and is signed in."""
    page.goto(f"{site.url}/accounts/sign-up/")
    page.fill("[name=username]", name)
    page.fill("[name=nickname]", nickname)
    page.fill("[name=email]", f"{name}@example.com")
    page.fill("[name=password]", PASSWORD)
    page.click("main form button[type=submit]")
    page.wait_for_url(f"{site.url}/")


def ask(page: Any, text: str, *, status: str = "complete", seconds: float = 60) -> Any:
    """Write in the open conversation and wait for the end of the answer; returns its element."""
    before = page.locator(".message-assistant").count()
    page.fill("#composer-content", text)
    page.keyboard.press("Enter")
    ended = f"document.querySelectorAll('.message-assistant')[{before}]?.dataset.status === '{status}'"
    page.wait_for_function(ended, timeout=seconds * 1000)
    return page.locator(".message-assistant").nth(before)
