"""One's own profile, and leaving."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Session, User

PROFILE = "/accounts/profile/"
DELETE = "/accounts/profile/delete/"
GIVEN = {"nickname": "Ally", "email": "ally@example.com", "language": "ko"}


def test_a_person_changes_their_profile(alice: User, client_of: Any) -> None:
    client = client_of(alice)
    response = client.post(PROFILE, GIVEN | {"username": "root", "is_active": ""})
    assert response.url == PROFILE
    alice.refresh_from_db()
    assert (alice.nickname, alice.email, alice.language) == ("Ally", "ally@example.com", "ko")
    assert (alice.username, alice.is_active) == ("alice", True)
    assert '<html lang="ko"' in client.get(PROFILE).content.decode()


def test_a_person_may_leave_the_language_to_the_browser(alice: User, client_of: Any) -> None:
    client = client_of(alice)
    client.post(PROFILE, GIVEN)
    client.post(PROFILE, GIVEN | {"language": ""})
    assert '<html lang="en"' in client.get(PROFILE).content.decode()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"email": "bob@example.com"}, "belongs to another account"),
        ({"email": "nowhere"}, "valid email"),
        ({"email": ""}, "This field is required."),
        ({"nickname": ""}, "This field is required."),
        ({"nickname": "x" * 51}, "at most 50"),
        ({"language": "xx"}, "valid choice"),
    ],
)
def test_a_change_that_breaks_a_rule_says_which(
    alice: User, bob: User, client_of: Any, change: dict[str, str], fault: str
) -> None:
    response = client_of(alice).post(PROFILE, GIVEN | change)
    assert response.status_code == 400
    assert fault in response.content.decode()
    alice.refresh_from_db()
    assert alice.nickname == "Alice"


def test_a_refused_change_does_not_show_in_the_menu(alice: User, bob: User, client_of: Any) -> None:
    text = client_of(alice).post(PROFILE, GIVEN | {"email": "bob@example.com"}).content.decode()
    assert '<span class="account-name">Alice</span>' in text


def test_a_person_deletes_their_account_and_all_that_is_theirs(alice: User, client_of: Any) -> None:
    client = client_of(alice)
    assert "for good" in client.get(DELETE).content.decode()
    assert client.post(DELETE, {"password": "correct horse battery"}).url == "/accounts/sign-in/"
    assert not User.objects.exists()
    assert not Session.objects.exists()
    assert client.get(PROFILE).status_code == 302


def test_deleting_takes_the_right_password(alice: User, client_of: Any, settings: Any) -> None:
    settings.SIGN_IN_ATTEMPTS = 1
    client = client_of(alice)
    assert "not your password" in client.post(DELETE, {"password": "wrong"}).content.decode()
    assert client.post(DELETE, {"password": "correct horse battery"}).status_code == 429
    assert User.objects.exists()


def test_the_last_administrator_cannot_leave(admin_user: User, client_of: Any) -> None:
    response = client_of(admin_user).post(DELETE, {"password": "correct horse battery"})
    assert response.status_code == 409
    assert "last administrator" in response.content.decode()


@pytest.mark.parametrize("address", [PROFILE, DELETE, "/accounts/password/"])
def test_a_page_takes_few_queries(
    alice: User, client_of: Any, address: str, django_assert_max_num_queries: Any
) -> None:
    client: Client = client_of(alice)
    with django_assert_max_num_queries(3):
        assert client.get(address).status_code == 200
