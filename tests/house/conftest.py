"""A house with people in it and one row in each table, built once per module: these tests only look."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from accounts.models import Role
from tests import conftest
from tests.schema.fill import fill_every_table

PEOPLE = {"alice": "user", "bob": "user", "auditor": "auditor", "admin_user": "admin"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each fuzzed operation an id of its own: parallel workers take tests of one id for one test."""
    for item in items:
        operation = item.name.partition("[")[2]
        if operation and item.parent and not item.nodeid.endswith("]"):
            item._id = item.parent.id.child(operation.split()[0]).child(item.name)


@pytest.fixture(scope="module")
def inhabited(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """The people by name; Alice, the first of them, owns the rows that have an owner."""
    with django_db_blocker.unblock(), transaction.atomic():
        if not Role.objects.exists():  # a test with transactions of its own has emptied all tables before
            conftest.load_roles()
        people = {name: conftest.person(name.title(), role) for name, role in PEOPLE.items()}
        fill_every_table()
        yield people
        transaction.set_rollback(True)


@pytest.fixture
def alice(inhabited: dict[str, Any], db: None) -> Any:
    return inhabited["alice"]


@pytest.fixture
def bob(inhabited: dict[str, Any], db: None) -> Any:
    return inhabited["bob"]


@pytest.fixture
def auditor(inhabited: dict[str, Any], db: None) -> Any:
    return inhabited["auditor"]


@pytest.fixture
def admin_user(inhabited: dict[str, Any], db: None) -> Any:
    return inhabited["admin_user"]
