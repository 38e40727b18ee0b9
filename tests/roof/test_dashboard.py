"""The admin's first page and its sidebar."""

from typing import Any

from pytest_django import DjangoAssertNumQueries

from system.models import HealthCheck, Log, TaskQueue


def trouble() -> None:
    TaskQueue.objects.create(
        task_type="demo.broken", payload={}, status="failed", error_message="it fell over"
    )
    Log.objects.create(level="error", component="demo", message="the disk is full")
    HealthCheck.objects.create(component="worker", status="down", details={})


def test_an_operator_sees_what_went_wrong(operator: Any, client_of: Any) -> None:
    trouble()
    page = client_of(operator).get("/admin/").content.decode()
    assert "demo.broken" in page
    assert "the disk is full" in page
    assert "board-state-down" in page


def test_the_parts_of_the_house_are_named_in_the_readers_language(operator: Any, client_of: Any) -> None:
    trouble()
    page = client_of(operator).get("/admin/", headers={"accept-language": "ko"}).content.decode()
    assert '<span class="board-main">워커</span>' in page


def test_the_dashboard_speaks_of_the_tables_by_domain(admin_user: Any, client_of: Any) -> None:
    page = client_of(admin_user).get("/admin/").content.decode()
    assert "Knowledge and memory" in page
    assert "/admin/knowledge/knowledge/" in page


def test_someone_without_admin_access_does_not_get_in(alice: Any, client_of: Any) -> None:
    trouble()
    answer = client_of(alice).get("/admin/", follow=True)
    assert "demo.broken" not in answer.content.decode()


def test_the_dashboard_costs_the_same_however_much_there_is(
    admin_user: Any, client_of: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_of(admin_user)
    client.get("/admin/")
    TaskQueue.objects.bulk_create(
        TaskQueue(task_type="demo", payload={}, status="failed") for _ in range(200)
    )
    with django_assert_max_num_queries(14):
        client.get("/admin/")
