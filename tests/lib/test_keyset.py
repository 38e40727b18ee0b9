"""Paging by keyset over plans, whose `completed_at` may be NULL and whose titles repeat."""

from datetime import UTC, datetime, timedelta

import pytest

from agi_site.lib import keyset
from agi_site.lib.problems import Invalid
from planning.models import Plan

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def plans(alice):
    rows = [
        Plan(
            user=alice,
            title=f"plan {number % 3}",
            completed_at=None if number % 4 == 0 else START + timedelta(days=number % 5, microseconds=number),
        )
        for number in range(23)
    ]
    return Plan.objects.bulk_create(rows)


def walk(order: list[str], size: int = 4) -> list[Plan]:
    rows: list[Plan] = []
    cursor = None
    while True:
        page = keyset.paginate(Plan.objects.all(), order=order, size=size, cursor=cursor)
        rows += page.rows
        if page.next is None:
            return rows
        cursor = page.next


@pytest.mark.parametrize(
    "order", [["pk"], ["-pk"], ["title"], ["-title"], ["completed_at"], ["-completed_at"], ["title", "-pk"]]
)
def test_walking_forward_sees_every_row_once_in_the_database_s_order(plans, order) -> None:
    tie = "-pk" if order[0].startswith("-") else "pk"
    expected = list(Plan.objects.order_by(*order, *([] if order[-1].endswith("pk") else [tie])))
    assert walk(order) == expected


@pytest.mark.parametrize("order", [["-pk"], ["completed_at"], ["-completed_at"], ["title"]])
def test_the_previous_page_is_the_one_that_was_left(plans, order) -> None:
    first = keyset.paginate(Plan.objects.all(), order=order, size=5)
    second = keyset.paginate(Plan.objects.all(), order=order, size=5, cursor=first.next)
    back = keyset.paginate(Plan.objects.all(), order=order, size=5, cursor=second.previous)
    assert back.rows == first.rows
    assert first.previous is None
    assert back.previous is None


def test_a_row_that_comes_meanwhile_neither_shifts_nor_repeats_the_next_page(plans, alice) -> None:
    first = keyset.paginate(Plan.objects.all(), order=["-pk"], size=5)
    Plan.objects.create(user=alice, title="came meanwhile")
    second = keyset.paginate(Plan.objects.all(), order=["-pk"], size=5, cursor=first.next)
    assert not {row.pk for row in first.rows} & {row.pk for row in second.rows}


def test_a_page_is_one_query_without_a_count(plans, django_assert_num_queries) -> None:
    with django_assert_num_queries(1):
        keyset.paginate(Plan.objects.all(), order=["-pk"], size=5)


@pytest.mark.parametrize("cursor", ["x", "WzBd", "bnVsbA", "W10", "é", "WzAsbnVsbCxudWxsXQ", "=" * 5])
def test_a_cursor_that_was_not_made_here_is_refused(db, cursor) -> None:
    with pytest.raises(Invalid):
        keyset.paginate(Plan.objects.all(), order=["-pk"], size=5, cursor=cursor)
