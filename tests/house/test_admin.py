"""What holds for every table in the admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.urls import reverse

from .test_ownership import OURS


def url(model: type[models.Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def without_navigation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The menu beside each page is half of its work, and the same on all: one test of each list draws it."""
    for name in ("get_sidebar_list", "get_app_list"):
        monkeypatch.setattr(admin.site, name, lambda *_args, **_options: [])


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
@pytest.mark.usefixtures("without_navigation")
def test_a_table_can_be_listed_searched_and_opened(
    model: type[models.Model], admin_user: Any, client_of: Callable[[Any], Any]
) -> None:
    client = client_of(admin_user)
    row = model._default_manager.first()
    assert client.get(url(model, "changelist")).status_code == 200
    assert client.get(url(model, "changelist"), {"q": "기억"}).status_code == 200
    assert client.get(url(model, "change", row.pk)).status_code == 200
    may_add = admin.site.get_model_admin(model).has_add_permission(_request(admin_user))
    assert client.get(url(model, "add")).status_code == (200 if may_add else 403)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
@pytest.mark.usefixtures("without_navigation")
def test_an_auditor_reads_and_changes_nothing(
    model: type[models.Model], auditor: Any, client_of: Callable[[Any], Any]
) -> None:
    client = client_of(auditor)
    row = model._default_manager.first()
    assert client.get(url(model, "changelist")).status_code == 200
    assert client.get(url(model, "change", row.pk)).status_code == 200
    assert client.post(url(model, "change", row.pk), {}).status_code == 403
    assert client.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert client.get(url(model, "add")).status_code == 403


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_a_list_takes_few_queries_and_counts_only_so_far(
    model: type[models.Model],
    admin_user: Any,
    client_of: Callable[[Any], Any],
    django_assert_max_num_queries: Any,
) -> None:
    client = client_of(admin_user)
    with django_assert_max_num_queries(16) as captured:
        client.get(url(model, "changelist"))
    table = f"FROM `{model._meta.db_table}`", f'FROM "{model._meta.db_table}"'
    counts = [q["sql"] for q in captured.captured_queries if "COUNT(*)" in q["sql"]]
    assert all("LIMIT" in sql for sql in counts if any(name in sql for name in table))


def test_a_person_without_the_right_is_kept_out(alice: Any, client_of: Callable[[Any], Any]) -> None:
    response = client_of(alice).get(reverse("admin:index"))
    assert response.status_code == 302
    assert reverse("admin:login") in response.url


def _request(user: Any) -> Any:
    from django.test import RequestFactory

    request = RequestFactory().get("/admin/")
    request.user = user
    return request
