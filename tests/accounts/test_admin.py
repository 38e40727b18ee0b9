"""People, roles and sessions in the admin."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.models import Permission, Role, RolePermission, Session, User, UserRole

NEW = "another long passphrase"


def url(name: str, *args: Any) -> str:
    return reverse(f"admin:accounts_{name}", args=args)


def change_user(client: Client, user: User, **change: Any) -> Any:
    """Send the change form of a person as the browser would."""
    held = list(UserRole.objects.filter(user=user))
    form = {
        "username": user.username,
        "email": user.email,
        "nickname": user.nickname,
        "language": user.language,
        "is_active": "true",
        "user_roles-TOTAL_FORMS": len(held),
        "user_roles-INITIAL_FORMS": len(held),
    }
    for number, row in enumerate(held):
        form |= {f"user_roles-{number}-id": row.pk, f"user_roles-{number}-user": user.pk}
    return client.post(url("user_change", user.pk), form | change)


def is_signed_in(client: Client) -> bool:
    return client.get("/accounts/profile/").status_code == 200


def said(client: Client, address: str) -> str:
    return client.get(address).content.decode()


# --- The way in ------------------------------------------------------------
def test_the_admin_has_no_sign_in_of_its_own(db: None) -> None:
    client = Client()
    response = client.get(reverse("admin:index"), follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/sign-in/?next=%2Fadmin%2F"


def test_an_operator_is_let_in_and_a_member_is_told_why_not(
    operator: User, alice: User, client_of: Any
) -> None:
    assert client_of(operator).get("/admin/").status_code == 200
    assert client_of(operator).get("/admin/login/").url == "/admin/"
    response = client_of(alice).get("/admin/", follow=True)
    assert "You are signed in as alice." in response.content.decode()


# --- People ----------------------------------------------------------------
def test_an_operator_adds_a_person_who_can_sign_in(operator: User, client_of: Any) -> None:
    client = client_of(operator)
    assert client.get(url("user_add")).status_code == 200
    given = {"username": "carol", "email": "carol@example.com", "nickname": "Carol"}
    passwords = {"usable_password": "true", "password1": NEW, "password2": NEW}
    response = client.post(url("user_add"), given | passwords)
    carol = User.objects.get(username="carol")
    assert response.url == url("user_change", carol.pk)
    assert carol.role_names == {"user"}
    response = Client().post("/accounts/sign-in/", {"username": "carol", "password": NEW})
    assert response.status_code == 302


def test_an_operator_changes_a_person(operator: User, alice: User, client_of: Any) -> None:
    client = client_of(operator)
    assert "alice@example.com" in said(client, url("user_change", alice.pk))
    assert change_user(client, alice, nickname="Ally").status_code == 302
    assert User.objects.get(pk=alice.pk).nickname == "Ally"
    assert User.objects.get(pk=alice.pk).check_password("correct horse battery")


def test_roles_are_granted_and_revoked_on_the_persons_page_and_end_sessions(
    admin_user: User, alice: User, client_of: Any
) -> None:
    client, device = client_of(admin_user), client_of(alice)
    auditor = Role.objects.get(name="auditor")
    response = change_user(
        client,
        alice,
        **{
            "user_roles-TOTAL_FORMS": 2,
            "user_roles-0-DELETE": "on",
            "user_roles-1-role": auditor.pk,
            "user_roles-1-user": alice.pk,
        },
    )
    assert response.status_code == 302
    assert User.objects.get(pk=alice.pk).role_names == {"auditor"}
    assert not is_signed_in(device)


def test_a_refusal_is_told_and_nothing_is_changed(operator: User, admin_user: User, client_of: Any) -> None:
    client = client_of(operator)
    response = change_user(client, admin_user, nickname="Mallory")
    assert response.status_code == 302
    assert "This person may do more than you." in said(client, response.url)
    assert User.objects.get(pk=admin_user.pk).nickname == "Ada"


def test_the_last_administrator_keeps_the_role(admin_user: User, client_of: Any) -> None:
    client = client_of(admin_user)
    response = change_user(client, admin_user, nickname="X", **{"user_roles-0-DELETE": "on"})
    assert "This is the last administrator." in said(client, response.url)
    assert User.objects.get(pk=admin_user.pk).is_superuser
    assert User.objects.get(pk=admin_user.pk).nickname == "Ada"  # all or nothing


def test_unticking_active_ends_the_persons_sessions(operator: User, alice: User, client_of: Any) -> None:
    device = client_of(alice)
    change_user(client_of(operator), alice, is_active="false")
    assert User.objects.get(pk=alice.pk).is_active is False
    assert not is_signed_in(device)


def test_people_are_deactivated_and_activated_from_the_list(
    operator: User, alice: User, bob: User, client_of: Any
) -> None:
    client, device = client_of(operator), client_of(alice)
    chosen = {"_selected_action": [alice.pk, bob.pk]}
    client.post(url("user_changelist"), {"action": "deactivate"} | chosen)
    assert not User.objects.filter(pk__in=[alice.pk, bob.pk], is_active=True).exists()
    assert not is_signed_in(device)
    client.post(url("user_changelist"), {"action": "activate"} | chosen)
    assert User.objects.filter(is_active=True).count() == 3
    client.post(url("user_changelist"), {"action": "deactivate", "_selected_action": [alice.pk, operator.pk]})
    assert User.objects.filter(is_active=True).count() == 3  # one refusal, nothing done


def test_a_password_set_by_an_operator_ends_the_persons_sessions(
    operator: User, alice: User, client_of: Any
) -> None:
    client, device = client_of(operator), client_of(alice)
    address = reverse("admin:auth_user_password_change", args=[alice.pk])
    assert client.get(address).status_code == 200
    given = {"usable_password": "true", "password1": NEW, "password2": NEW, "set-password": "1"}
    assert client.post(address, given).status_code == 302
    assert User.objects.get(pk=alice.pk).check_password(NEW)
    assert not is_signed_in(device)
    assert is_signed_in(client)


def test_an_operator_does_not_set_an_administrators_password(
    operator: User, admin_user: User, client_of: Any
) -> None:
    address = reverse("admin:auth_user_password_change", args=[admin_user.pk])
    given = {"usable_password": "true", "password1": NEW, "password2": NEW, "set-password": "1"}
    client_of(operator).post(address, given)
    assert User.objects.get(pk=admin_user.pk).check_password("correct horse battery")


def test_people_are_deleted_one_or_many(
    admin_user: User, alice: User, bob: User, client_of: Any, django_assert_max_num_queries: Any
) -> None:
    client = client_of(admin_user)
    for _ in range(20):
        services.open_session(user=alice, address="", user_agent="", seconds=60)
    with django_assert_max_num_queries(12):  # what hangs on a person is not read to be listed
        assert client.get(url("user_delete", alice.pk)).status_code == 200
    client.post(url("user_delete", alice.pk), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [bob.pk], "post": "yes"}
    client.post(url("user_changelist"), chosen)
    assert list(User.objects.all()) == [admin_user]
    client.post(url("user_delete", admin_user.pk), {"post": "yes"})
    assert User.objects.exists()


@pytest.mark.parametrize("query", ["?q=ali", "?active=yes", "?active=no", "?roles__id__exact=1", "?o=1"])
def test_people_are_searched_filtered_and_sorted(
    operator: User, alice: User, client_of: Any, query: str
) -> None:
    assert client_of(operator).get(url("user_changelist") + query).status_code == 200


def test_an_auditor_reads_and_changes_nothing(auditor: User, alice: User, client_of: Any) -> None:
    client = client_of(auditor)
    assert "alice@example.com" in said(client, url("user_change", alice.pk))
    assert change_user(client, alice).status_code == 403
    assert client.get(url("user_add")).status_code == 403
    assert client.get(reverse("admin:auth_user_password_change", args=[alice.pk])).status_code == 403
    role = Role.objects.get(name="operator")
    assert "accounts.change_user" in said(client, url("role_change", role.pk))
    assert client.post(url("role_change", role.pk), {"name": "x"}).status_code == 403


# --- Roles -----------------------------------------------------------------
def test_a_role_and_its_permissions_are_edited_together(operator: User, client_of: Any) -> None:
    client = client_of(operator)
    rights = [
        right.pk for right in Permission.objects.filter(name__in=["tools.view_tool", "system.view_log"])
    ]
    assert client.get(url("role_add")).status_code == 200
    client.post(url("role_add"), {"name": "watcher", "description": "", "permissions": rights})
    watcher = Role.objects.get(name="watcher")
    assert watcher.permissions.count() == 2
    client.post(url("role_change", watcher.pk), {"name": "watcher", "permissions": rights[:1]})
    assert watcher.permissions.count() == 1
    assert "selected" in said(client, url("role_change", watcher.pk))


def test_an_operator_gives_a_role_no_more_than_they_have(operator: User, client_of: Any) -> None:
    client = client_of(operator)
    too_much = Permission.objects.get(name="accounts.add_permission")
    response = client.post(url("role_add"), {"name": "watcher", "permissions": [too_much.pk]})
    assert "allows more than yours do" in said(client, response.url)
    assert not Role.objects.filter(name="watcher").exists()


def test_the_role_admin_stays(admin_user: User, client_of: Any) -> None:
    client = client_of(admin_user)
    role = Role.objects.get(name="admin")
    client.post(url("role_delete", role.pk), {"post": "yes"})
    client.post(
        url("role_changelist"), {"action": "delete_selected", "_selected_action": [role.pk], "post": "1"}
    )
    client.post(url("role_change", role.pk), {"name": "boss"})
    assert Role.objects.filter(name="admin").exists()


def test_links_are_added_and_removed_on_their_own_pages_too(
    admin_user: User, alice: User, client_of: Any
) -> None:
    client, device = client_of(admin_user), client_of(alice)
    auditor = Role.objects.get(name="auditor")
    client.post(url("userrole_add"), {"user": alice.pk, "role": auditor.pk})
    assert not is_signed_in(device)
    held = UserRole.objects.get(user=alice, role=auditor)
    client.post(url("userrole_delete", held.pk), {"post": "yes"})
    assert not UserRole.objects.filter(pk=held.pk).exists()
    right = Permission.objects.get(name="tools.delete_tool")
    client.post(url("rolepermission_add"), {"role": auditor.pk, "permission": right.pk})
    link = RolePermission.objects.get(role=auditor, permission=right)
    client.post(url("rolepermission_delete", link.pk), {"post": "yes"})
    assert not RolePermission.objects.filter(pk=link.pk).exists()


def test_permissions_are_read_only(admin_user: User, client_of: Any) -> None:
    client = client_of(admin_user)
    right = Permission.objects.get(name="admin.access")
    assert client.get(url("permission_change", right.pk)).status_code == 200
    assert client.get(url("permission_add")).status_code == 403
    assert client.post(url("permission_delete", right.pk), {"post": "yes"}).status_code == 403


# --- Sessions --------------------------------------------------------------
def test_an_operator_sees_sessions_without_their_tokens(operator: User, alice: User, client_of: Any) -> None:
    session = services.open_session(user=alice, address="192.0.2.1", user_agent="curl/8", seconds=60).session
    client = client_of(operator)
    for address in (url("session_changelist"), url("session_change", session.pk)):
        text = said(client, address)
        assert "192.0.2.1" in text
        assert session.token not in text


def test_sessions_are_revoked_from_the_list(admin_user: User, alice: User, client_of: Any) -> None:
    client, device = client_of(admin_user), client_of(alice)
    chosen = {"action": "revoke", "_selected_action": [Session.objects.get(user=alice).pk]}
    client.post(url("session_changelist"), chosen)
    assert not is_signed_in(device)
    assert is_signed_in(client)
