"""What holds for every resource of the REST API, whichever table is behind it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from agi_site.api_urls import router
from agi_site.lib.owned import OwnedModel, SharedModel

RESOURCES = {prefix: viewset for prefix, viewset, _name in router.registry}
OWNED = sorted(p for p, v in RESOURCES.items() if issubclass(v.queryset.model, OwnedModel))
SHARED = sorted(p for p, v in RESOURCES.items() if issubclass(v.queryset.model, SharedModel))


def listing(prefix: str) -> str:
    return f"/api/v1/{prefix}/"


@pytest.mark.parametrize("prefix", sorted(RESOURCES))
@pytest.mark.django_db
def test_a_visitor_is_asked_to_sign_in(prefix: str) -> None:
    response = Client().get(listing(prefix))
    assert response.status_code == 401
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("prefix", OWNED)
def test_a_person_lists_and_reads_their_own_rows(
    prefix: str, alice: Any, api_of: Callable[[Any], Any]
) -> None:
    model = RESOURCES[prefix].queryset.model
    rows = api_of(alice).get(listing(prefix)).json()["results"]
    own = set(map(str, model.objects.for_user(alice).values_list("pk", flat=True)))
    assert own
    assert {str(row.get("id", row.get("user"))) for row in rows} <= own
    for row in rows:
        assert api_of(alice).get(f"{listing(prefix)}{row.get('id', row.get('user'))}/").status_code == 200


@pytest.mark.parametrize("prefix", OWNED)
def test_someone_elses_rows_do_not_exist(
    prefix: str, alice: Any, bob: Any, api_of: Callable[[Any], Any]
) -> None:
    rows_of = RESOURCES[prefix].queryset.model.objects.for_user
    key = rows_of(alice).first().pk
    shown = {
        str(row.get("id", row.get("user"))) for row in api_of(bob).get(listing(prefix)).json()["results"]
    }
    assert not shown & set(map(str, rows_of(alice).values_list("pk", flat=True)))
    assert api_of(bob).get(f"{listing(prefix)}{key}/").status_code == 404
    assert api_of(bob).patch(f"{listing(prefix)}{key}/", {}).status_code in (403, 404, 405)
    assert api_of(bob).delete(f"{listing(prefix)}{key}/").status_code in (403, 404, 405)


@pytest.mark.parametrize("prefix", SHARED)
def test_shared_rows_want_a_permission(prefix: str, auditor: Any, api_of: Callable[[Any], Any]) -> None:
    from accounts.models import User

    stranger = User.objects.create_user("stranger", "stranger@example.com", "correct horse battery")
    assert api_of(stranger).get(listing(prefix)).status_code == 403
    assert api_of(auditor).get(listing(prefix)).json()["results"] != []
    assert api_of(auditor).post(listing(prefix), {}).status_code in (403, 405)


@pytest.mark.parametrize("prefix", sorted(RESOURCES))
def test_a_list_takes_few_queries(
    prefix: str,
    admin_user: Any,
    api_of: Callable[[Any], Any],
    django_assert_max_num_queries: Any,
) -> None:
    client = api_of(admin_user)
    with django_assert_max_num_queries(5):
        client.get(listing(prefix))


@pytest.mark.parametrize("prefix", sorted(RESOURCES))
def test_every_ordering_and_a_bad_cursor_are_understood(
    prefix: str, admin_user: Any, api_of: Callable[[Any], Any]
) -> None:
    client = api_of(admin_user)
    for field in RESOURCES[prefix].ordering_fields:
        for sign in ("", "-"):
            answer = client.get(listing(prefix), {"ordering": f"{sign}{field}", "page_size": 1})
            assert answer.status_code == 200
            if answer.json()["next"]:
                again = {"ordering": f"{sign}{field}", "page_size": 1, "cursor": answer.json()["next"]}
                assert client.get(listing(prefix), again).status_code == 200
    refused = client.get(listing(prefix), {"cursor": "no-cursor"})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_cursor")
