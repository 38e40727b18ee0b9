"""People, roles and sessions over REST."""

import json
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from accounts import services
from accounts.models import Permission, Role, RolePermission, Session, User, UserRole

API = "/api/v1"
TOKEN = f"{API}/auth/token/"
PASSWORD = "correct horse battery"
NEW = "another long passphrase"
NASTY = [
    "",
    "\x00",
    "nul\x00in",
    "\ud800",
    "x" * 100_000,
    "한글",
    10**40,
    -1,
    1.5,
    True,
    None,
    [],
    {},
    [[]],
    {"a": 1},
]


def ask_for_token(username: Any = "alice", password: Any = PASSWORD) -> Any:
    return APIClient().post(TOKEN, {"username": username, "password": password})


def program(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def is_problem(response: Any, status: int) -> bool:
    return response.status_code == status and response.headers["Content-Type"] == "application/problem+json"


# --- Tokens ----------------------------------------------------------------
def test_a_program_gets_a_token_and_acts_with_it(alice: User) -> None:
    response = ask_for_token()
    assert response.status_code == 201
    session = Session.objects.get()
    assert response.json()["session"] == session.pk
    assert set(response.json()) == {"token", "expires_at", "session"}
    me = program(response.json()["token"]).get(f"{API}/users/me/")
    assert me.json()["username"] == "alice"
    assert me.json()["roles"] == ["user"]
    assert "password" not in str(me.json())


def test_a_token_that_signs_out_works_no_more(alice: User) -> None:
    client = program(ask_for_token().json()["token"])
    assert client.delete(TOKEN).status_code == 204
    assert is_problem(client.get(f"{API}/users/me/"), 401)
    assert is_problem(client.delete(TOKEN), 401)
    assert not Session.objects.exists()


def test_a_wrong_password_and_an_unknown_name_get_the_same_problem(alice: User) -> None:
    wrong, unknown = ask_for_token(password="wrong"), ask_for_token("nobody")
    assert is_problem(wrong, 400)
    assert wrong.json() == unknown.json()
    assert wrong.json()["code"] == "wrong_credentials"


def test_too_many_attempts_are_told_how_long_to_wait(alice: User, settings: Any) -> None:
    settings.SIGN_IN_ATTEMPTS = 1
    ask_for_token(password="wrong")
    response = ask_for_token()
    assert is_problem(response, 429)
    assert int(response.headers["Retry-After"]) > 0


def test_a_stale_token_does_not_stand_in_the_way_of_a_new_one(alice: User) -> None:
    response = program("stale").post(TOKEN, {"username": "alice", "password": PASSWORD})
    assert response.status_code == 201


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer made up", "Bearer \x80\xff", "bearer x"])
def test_a_made_up_token_is_told_to_sign_in_again(db: None, header: str) -> None:
    response = APIClient().get(f"{API}/users/me/", HTTP_AUTHORIZATION=header)
    assert is_problem(response, 401)
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_is_no_longer_good_once_revoked_or_deactivated(
    alice: User, bob: User, operator: User
) -> None:
    first, second = (program(ask_for_token(name).json()["token"]) for name in ("alice", "bob"))
    services.revoke_all_sessions(user=alice, by=operator)
    services.deactivate_user(user=bob, by=operator)
    assert first.get(f"{API}/users/me/").status_code == 401
    assert second.get(f"{API}/users/me/").status_code == 401


def test_a_signed_in_page_may_use_the_api_and_changes_take_its_csrf_token(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.get(f"{API}/users/me/").status_code == 200
    assert client.post(f"{API}/sessions/revoke-all/").status_code == 403


# --- Signing up and passwords ----------------------------------------------
def test_a_newcomer_signs_up(db: None, settings: Any) -> None:
    given = {"username": "carol", "email": "carol@example.com", "password": NEW}
    response = APIClient().post(f"{API}/auth/sign-up/", given)
    assert response.status_code == 201
    assert response.json()["roles"] == ["user"]
    again = APIClient().post(f"{API}/auth/sign-up/", given)
    assert is_problem(again, 400)
    assert set(again.json()["errors"]) == {"username", "email"}
    settings.SIGN_UP_OPEN = False
    assert is_problem(APIClient().post(f"{API}/auth/sign-up/", given), 403)


def test_a_changed_password_ends_the_other_sessions(alice: User, api_of: Any, client_of: Any) -> None:
    here, there, page = api_of(alice), api_of(alice), client_of(alice)
    address = f"{API}/auth/password/"
    assert is_problem(here.post(address, {"current": "wrong", "new": NEW}), 400)
    assert is_problem(here.post(address, {"current": PASSWORD, "new": "short"}), 400)
    assert here.post(address, {"current": PASSWORD, "new": NEW}).status_code == 204
    assert here.get(f"{API}/users/me/").status_code == 200
    assert there.get(f"{API}/users/me/").status_code == 401
    assert page.get("/accounts/profile/").status_code == 302
    assert APIClient().post(address, {}).status_code == 401


def test_a_forgotten_password_is_reset_by_mail(alice: User, run_tasks: Any) -> None:
    assert APIClient().post(f"{API}/auth/password-reset/", {"email": alice.email}).status_code == 202
    assert APIClient().post(f"{API}/auth/password-reset/", {"email": "no@example.com"}).status_code == 202
    run_tasks()
    link = next(word for word in str(mail.outbox[0].body).split() if "/password/reset/" in word)
    uid, token = link.rstrip("/").split("/")[-2:]
    given = {"uid": uid, "token": token, "new": NEW}
    assert APIClient().post(f"{API}/auth/password-reset/confirm/", given).status_code == 204
    assert is_problem(APIClient().post(f"{API}/auth/password-reset/confirm/", given), 400)
    assert ask_for_token(password=NEW).status_code == 201


# --- People ----------------------------------------------------------------
def test_people_see_themselves_only_and_auditors_see_all(
    alice: User, bob: User, auditor: User, api_of: Any
) -> None:
    assert [row["username"] for row in api_of(alice).get(f"{API}/users/").json()["results"]] == ["alice"]
    assert api_of(alice).get(f"{API}/users/{bob.pk}/").status_code == 404
    assert len(api_of(auditor).get(f"{API}/users/").json()["results"]) == 3


def test_a_person_changes_their_own_profile_and_nothing_else(alice: User, bob: User, api_of: Any) -> None:
    client = api_of(alice)
    given = {"nickname": "Ally", "language": "ko", "username": "root", "is_active": False, "roles": ["admin"]}
    assert client.patch(f"{API}/users/{alice.pk}/", given).status_code == 200
    alice.refresh_from_db()
    assert (alice.nickname, alice.language, alice.username, alice.is_active) == ("Ally", "ko", "alice", True)
    assert alice.role_names == {"user"}
    assert is_problem(client.patch(f"{API}/users/{alice.pk}/", {"email": "bob@example.com"}), 400)
    assert is_problem(client.patch(f"{API}/users/{alice.pk}/", {"language": "xx"}), 400)
    assert is_problem(client.patch(f"{API}/users/{bob.pk}/", {"nickname": "x"}), 404)


def test_who_sees_others_may_not_thereby_change_them(
    alice: User, auditor: User, operator: User, admin_user: User, api_of: Any
) -> None:
    address = f"{API}/users/{alice.pk}/"
    assert is_problem(api_of(auditor).patch(address, {"nickname": "x"}), 403)
    assert is_problem(api_of(auditor).post(f"{address}deactivate/"), 403)
    assert api_of(operator).patch(address, {"nickname": "Al"}).json()["nickname"] == "Al"
    assert is_problem(api_of(operator).patch(f"{API}/users/{admin_user.pk}/", {"nickname": "x"}), 403)


def test_an_operator_keeps_a_person_out_and_lets_them_in(alice: User, operator: User, api_of: Any) -> None:
    alices, operators = api_of(alice), api_of(operator)
    address = f"{API}/users/{alice.pk}/"
    assert operators.post(f"{address}deactivate/").json()["is_active"] is False
    assert alices.get(f"{API}/users/me/").status_code == 401
    assert operators.post(f"{address}activate/").json()["is_active"] is True
    assert is_problem(operators.post(f"{API}/users/{operator.pk}/deactivate/"), 409)


# --- Roles -----------------------------------------------------------------
def test_granting_and_revoking_a_role_takes_a_permission(
    alice: User, bob: User, operator: User, api_of: Any
) -> None:
    auditor = Role.objects.get(name="auditor")
    given = {"user": bob.pk, "role": auditor.pk}
    assert is_problem(api_of(alice).post(f"{API}/user-roles/", given), 403)
    bobs = api_of(bob)
    response = api_of(operator).post(f"{API}/user-roles/", given)
    assert response.status_code == 201
    assert bobs.get(f"{API}/users/me/").status_code == 401
    assert User.objects.get(pk=bob.pk).role_names == {"user", "auditor"}
    address = f"{API}/user-roles/{response.json()['id']}/"
    assert is_problem(api_of(alice).delete(address), 403)
    assert api_of(operator).delete(address).status_code == 204
    assert User.objects.get(pk=bob.pk).role_names == {"user"}


def test_an_operator_does_not_become_an_administrator(operator: User, admin_user: User, api_of: Any) -> None:
    admin = Role.objects.get(name="admin")
    client = api_of(operator)
    assert is_problem(client.post(f"{API}/user-roles/", {"user": operator.pk, "role": admin.pk}), 403)
    held = UserRole.objects.get(user=admin_user)
    assert is_problem(client.delete(f"{API}/user-roles/{held.pk}/"), 403)


def test_the_last_administrator_is_not_removed(admin_user: User, api_of: Any) -> None:
    held = UserRole.objects.get(user=admin_user)
    response = api_of(admin_user).delete(f"{API}/user-roles/{held.pk}/")
    assert is_problem(response, 409)
    assert response.json()["code"] == "last_admin"


def test_people_see_their_own_roles_only(alice: User, bob: User, auditor: User, api_of: Any) -> None:
    rows = api_of(alice).get(f"{API}/user-roles/").json()["results"]
    assert [row["user"] for row in rows] == [alice.pk]
    assert len(api_of(auditor).get(f"{API}/user-roles/").json()["results"]) == 3


def test_roles_and_their_permissions_are_edited_by_operators(
    alice: User, operator: User, api_of: Any
) -> None:
    client = api_of(operator)
    created = client.post(f"{API}/roles/", {"name": "librarian"})
    assert created.status_code == 201
    role = created.json()["id"]
    assert client.patch(f"{API}/roles/{role}/", {"description": "Books."}).json()["description"] == "Books."
    right = Permission.objects.get(name="knowledge.view_knowledge").pk
    granted = client.post(f"{API}/role-permissions/", {"role": role, "permission": right})
    assert granted.status_code == 201
    assert is_problem(client.post(f"{API}/role-permissions/", {"role": role, "permission": right}), 400)
    too_much = Permission.objects.get(name="accounts.add_permission").pk
    assert is_problem(client.post(f"{API}/role-permissions/", {"role": role, "permission": too_much}), 403)
    assert client.delete(f"{API}/role-permissions/{granted.json()['id']}/").status_code == 204
    assert not RolePermission.objects.filter(role=role).exists()
    assert client.delete(f"{API}/roles/{role}/").status_code == 204
    assert is_problem(client.post(f"{API}/roles/", {"name": "admin"}), 400)
    assert is_problem(client.delete(f"{API}/roles/{Role.objects.get(name='admin').pk}/"), 409)
    assert is_problem(api_of(alice).post(f"{API}/roles/", {"name": "x"}), 403)


def test_permissions_are_read_only(admin_user: User, api_of: Any) -> None:
    assert api_of(admin_user).get(f"{API}/permissions/", {"name": "admin.access"}).json()["results"]
    assert api_of(admin_user).post(f"{API}/permissions/", {"name": "x"}).status_code == 405


# --- Sessions --------------------------------------------------------------
def test_people_list_and_revoke_their_own_sessions(alice: User, bob: User, api_of: Any) -> None:
    here, there, bobs = api_of(alice), api_of(alice), api_of(bob)
    rows = here.get(f"{API}/sessions/").json()["results"]
    assert len(rows) == 2
    assert [row["is_current"] for row in rows] == [False, True]
    assert "token" not in rows[0]
    other = Session.objects.get(user=bob)
    assert is_problem(here.delete(f"{API}/sessions/{other.pk}/"), 404)
    assert here.delete(f"{API}/sessions/{rows[0]['id']}/").status_code == 204
    assert there.get(f"{API}/users/me/").status_code == 401
    assert bobs.get(f"{API}/users/me/").status_code == 200


def test_all_other_sessions_are_revoked_at_once(alice: User, api_of: Any) -> None:
    here, _there, _elsewhere = api_of(alice), api_of(alice), api_of(alice)
    assert here.post(f"{API}/sessions/revoke-all/").json() == {"revoked": 2}
    assert here.get(f"{API}/users/me/").status_code == 200


@pytest.mark.parametrize("count", [2, 30])
@pytest.mark.parametrize(
    "name", ["users", "roles", "permissions", "user-roles", "role-permissions", "sessions"]
)
def test_a_list_takes_the_same_queries_for_any_number(
    admin_user: User, api_of: Any, name: str, count: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(count):
        user = User.objects.create_user(f"u{number}", f"u{number}@example.com")
        UserRole.objects.create(user=user, role=Role.objects.get(name="user"))
        services.open_session(user=admin_user, address="", user_agent="", seconds=60)
    client = api_of(admin_user)
    with django_assert_max_num_queries(4):
        assert client.get(f"{API}/{name}/").status_code == 200


# --- Whatever is sent ------------------------------------------------------
def sent(client: APIClient, method: str, path: str, data: Any) -> int:
    """The status that answers this JSON; a lone surrogate is escaped in it, as a client might."""
    cache.clear()  # so that no limit hides what lies behind it
    send = getattr(client, method)
    return int(send(f"{API}/{path}/", json.dumps(data), content_type="application/json").status_code)


@pytest.mark.parametrize("value", NASTY, ids=lambda value: repr(value)[:20])
def test_nothing_that_is_sent_breaks_signing_in(alice: User, value: Any) -> None:
    good = {"username": "alice", "password": PASSWORD, "email": "x@example.com", "uid": "MQ", "new": NEW}
    for path, fields in {
        "auth/token": ["username", "password"],
        "auth/sign-up": ["username", "email", "nickname", "password"],
        "auth/password-reset": ["email"],
        "auth/password-reset/confirm": ["uid", "token", "new"],
    }.items():
        rest = {name: good.get(name, "text") for name in fields}
        for field in fields:
            assert sent(APIClient(), "post", path, rest | {field: value}) in {201, 202, 400}
        assert sent(APIClient(), "post", path, value) == 400


@pytest.mark.parametrize("value", NASTY, ids=lambda value: repr(value)[:20])
def test_nothing_that_is_sent_breaks_a_resource(admin_user: User, api_of: Any, value: Any) -> None:
    client = api_of(admin_user)
    for path, fields in {
        f"users/{admin_user.pk}": ["nickname", "email", "language"],
        "auth/password": ["current", "new"],
        "roles": ["name", "description"],
        "user-roles": ["user", "role"],
        "role-permissions": ["role", "permission"],
    }.items():
        method = "patch" if path.startswith("users") else "post"
        for field in fields:
            assert sent(client, method, path, {field: value}) in {200, 201, 400}
    assert sent(client, "post", "sessions/revoke-all", value) in {200, 400}


@pytest.mark.parametrize(
    "key", ["0", "-1", "9" * 40, "9" * 5000, "x", "%00", "%FF", "1e5", "한", "1.5", "%F0%9F"]
)
def test_no_key_breaks_a_resource(admin_user: User, api_of: Any, key: str) -> None:
    client = api_of(admin_user)
    for name in ("users", "roles", "permissions", "user-roles", "role-permissions", "sessions"):
        for method in ("get", "patch", "delete"):
            assert getattr(client, method)(f"{API}/{name}/{key}/").status_code in {403, 404, 405}


def test_the_api_document_describes_all_of_it(db: None) -> None:
    from drf_spectacular.generators import SchemaGenerator

    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    token = paths[f"{API}/auth/token/"]
    assert {"201", "400", "429"} <= set(token["post"]["responses"])
    assert {"204", "401"} <= set(token["delete"]["responses"])
    assert "409" in paths[API + "/users/{id}/deactivate/"]["post"]["responses"]
    assert API + "/sessions/revoke-all/" in paths
