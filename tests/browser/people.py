"""What people do in front of the program."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Site:
    """A running installation: its address and its database."""

    url: str
    data_dir: Path

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What stands in the database, read past the program."""
        with closing(sqlite3.connect(self.data_dir / "agi.sqlite3")) as database:
            return database.execute(sql, values).fetchall()


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
