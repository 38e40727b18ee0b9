"""What every test may ask for: people, clients that act for them, the queue drained now, real parts."""

import gc
import os
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.utils import translation
from rest_framework.test import APIClient

from agi_site.lib import vectors
from tests import database, parts

# Marks of tests that bring their own database, process or browser: the second run (MariaDB) leaves them out.
OWN_WORLD = ("browser", "local_model", "docker_engine", "redis", "mariadb", "mysql", "schema")
DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database-only",
        action="store_true",
        help="only tests that touch the database Django is set up with: for a further run on another server",
    )


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or not parts.REQUIRE_REAL:
        return
    absent = [str(found) for part in parts.ALL if not (found := part()).value]
    if absent:
        raise pytest.UsageError("REQUIRE_REAL=1, but " + ", ".join(absent))


def _touches_database(item: pytest.Item) -> bool:
    return bool(
        item.get_closest_marker("django_db") or DATABASE_FIXTURES & set(getattr(item, "fixturenames", ()))
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what belongs to the other run: it is deselected, not skipped."""
    is_sqlite = "sqlite3" in settings.DATABASES["default"]["ENGINE"]

    def belongs(item: pytest.Item) -> bool:
        if item.get_closest_marker("on_mysql" if is_sqlite else "on_sqlite"):
            return False
        if item.get_closest_marker("mysql") and "TEST_MYSQL_URL" not in os.environ:
            return False  # make test-mysql runs these
        if item.get_closest_marker("long") and "1" not in map(os.environ.get, ("SANDBOX_LONG", "PLANS_LONG")):
            return False  # make truth, make safety and make plans-truth run these
        if not config.getoption("--database-only"):
            return True
        return _touches_database(item) and not any(item.get_closest_marker(mark) for mark in OWN_WORLD)

    kept = [item for item in items if belongs(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = _mixed(kept) if hasattr(config, "workerinput") else kept


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector of garbage need not look through it again and again."""
    gc.collect()
    gc.freeze()


def _mixed(items: list[pytest.Item]) -> list[pytest.Item]:
    """Modules that wait for real parts beside modules that compute, the slow ones first.

    Several processes on few processors then neither all wait nor all compute (with --no-loadscope-reorder).
    """
    modules: dict[Path, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.path, []).append(item)
    ordered = sorted(
        modules.values(),
        key=lambda tests: (not any(test.get_closest_marker("slow") for test in tests), -len(tests)),
    )
    waiting = [tests for tests in ordered if any(map(tests[0].get_closest_marker, OWN_WORLD))]
    computing = [tests for tests in ordered if tests not in waiting]
    pairs = zip_longest(waiting, computing, fillvalue=list[pytest.Item]())
    return [test for pair in pairs for tests in pair for test in tests]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.write_line(f"database: {settings.DATABASES['default']['ENGINE'].rsplit('.', 1)[-1]}")
    terminalreporter.write_line("real parts: " + ", ".join(str(part()) for part in parts.ALL))


# --- Around every test -----------------------------------------------------
@pytest.fixture(autouse=True)
def _clean_state() -> Iterator[None]:
    """No test sees another's cache (rate limits live there), vectors or language."""
    cache.clear()
    vectors.forget()
    yield
    translation.deactivate()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    if "mysql" in settings.DATABASES["default"]["ENGINE"]:
        parts.drop_left_behind(os.environ["DATABASE_URL"])


@pytest.fixture(autouse=True)
def _starter_roles(request: pytest.FixtureRequest) -> None:
    """Every test of the database begins with the starter roles, also after one that emptied all tables."""
    if not _touches_database(request.node):
        return
    request.getfixturevalue("_django_db_helper")
    from accounts.models import Role

    if not Role.objects.exists():
        load_roles()


# --- Real parts ------------------------------------------------------------
@pytest.fixture
def mariadb_url() -> Iterator[str]:
    """DATABASE_URL of a new, empty database on the real MariaDB."""
    with parts.fresh_database(parts.need(parts.mariadb())) as url:
        yield url


@pytest.fixture
def mysql_url() -> Iterator[str]:
    """DATABASE_URL of a new, empty database on the real MySQL."""
    with parts.fresh_database(parts.need(parts.mysql())) as url:
        yield url


@pytest.fixture
def redis_url(worker_id: str) -> Iterator[str]:
    """REDIS_URL of an empty database on the real Redis, this test process's own."""
    import redis

    number = int(worker_id.removeprefix("gw")) + 1 if worker_id != "master" else 0
    url = parts.need(parts.redis()).rsplit("/", 1)[0] + f"/{number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture(scope="session")
def docker_engine() -> str:
    """DOCKER_HOST of the real Docker engine."""
    return parts.need(parts.docker())


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the real Chromium."""
    return parts.need(parts.chromium())


@pytest.fixture(scope="session")
def caddy() -> str:
    """The path of the real Caddy."""
    return parts.need(parts.caddy())


@pytest.fixture(scope="session")
def smollm2() -> str:
    """The path of SmolLM2's file."""
    return parts.need(parts.smollm2())


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """A running Chromium; `browser.new_context(locale="ko-KR").new_page()` opens a page."""
    from playwright.sync_api import sync_playwright

    # Playwright's loop runs in this thread while it is open, and Django takes what runs beside it for async
    # code. It is closed with the module, so that other modules' tests of async code still run.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


# --- People ----------------------------------------------------------------
def load_roles() -> None:
    """Store the starter roles and their permissions, and nobody who holds them."""
    from accounts import starter
    from accounts.models import User
    from system.models import Log

    starter.load()
    User.objects.all().delete()
    Log.objects.all().delete()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any
) -> Iterator[None]:
    """The test database, a copy of the migrated template, with the starter roles in place."""
    with django_db_blocker.unblock(), database.in_use():
        load_roles()
        with django_db_blocker.block():
            yield


def person(name: str, role: str) -> Any:
    from accounts.models import Role, User, UserRole

    user = User.objects.create_user(
        name.lower(), f"{name.lower()}@example.com", "correct horse battery", nickname=name
    )
    UserRole.objects.create(user=user, role=Role.objects.get(name=role))
    return user


@pytest.fixture
def alice(db: None) -> Any:
    """A person with the role `user`; every person's password here is "correct horse battery"."""
    return person("Alice", "user")


@pytest.fixture
def bob(db: None) -> Any:
    """Another person with the role `user`, who must not see what is Alice's."""
    return person("Bob", "user")


@pytest.fixture
def operator(db: None) -> Any:
    """A person who runs the site."""
    return person("Olga", "operator")


@pytest.fixture
def auditor(db: None) -> Any:
    """A person who may read everything and change nothing."""
    return person("Anders", "auditor")


@pytest.fixture
def admin_user(db: None) -> Any:
    """A person who may do everything."""
    return person("Ada", "admin")


@pytest.fixture
def client_of() -> Callable[[Any], Client]:
    """`client_of(alice)` is a browser in which Alice is signed in, with a session row of her own."""

    def make(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def api_of() -> Callable[[Any], APIClient]:
    """`api_of(alice)` is a program that holds a token of Alice's."""
    from accounts import services

    def make(user: Any) -> APIClient:
        signed_in = services.open_session(user=user, address="127.0.0.1", user_agent="tests", seconds=3600)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {signed_in.token}")
        return client

    return make


# --- Work ------------------------------------------------------------------
@pytest.fixture
def run_tasks(db: None) -> Callable[..., None]:
    """`run_tasks()` runs everything queued, here and now, and what that queued in turn."""

    def run(*_started: Any) -> None:
        from system import queue

        queue.run_pending()

    return run


@pytest.fixture
def open_page(browser: Any, live_server: Any, client_of: Any) -> Iterator[Callable[..., Any]]:
    """`open_page(alice, …)`: a browser where the person is signed in; a script that fails does too."""
    contexts, faults = [], []

    def make(user: Any, *, scheme: Any = "light", width: int = 1280, language: str = "en") -> Any:
        context = browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": 844},
            locale=language,
            reduced_motion="reduce",
        )
        cookie = client_of(user).cookies
        context.add_cookies(
            [{"name": name, "value": one.value, "url": live_server.url} for name, one in cookie.items()]
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []
