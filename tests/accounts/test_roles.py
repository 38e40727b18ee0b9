"""Roles and permissions: who may do what, and who may decide that."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts import services
from accounts.models import Permission, Role, Session, User, UserRole
from agi_site.lib.problems import Conflict, Forbidden, Invalid
from system.models import Log


def role(name: str) -> Role:
    return Role.objects.get(name=name)


def permission(name: str) -> Permission:
    return Permission.objects.get(name=name)


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


def is_signed_in(client: Client) -> bool:
    return client.get("/accounts/profile/").status_code == 200


def test_rights_come_from_roles(alice: User, operator: User, auditor: User, admin_user: User) -> None:
    assert [user.is_staff for user in (alice, operator, auditor, admin_user)] == [False, True, True, True]
    assert [user.is_superuser for user in (alice, operator, auditor, admin_user)] == [False] * 3 + [True]
    assert admin_user.has_perm("anything.at_all")
    assert alice.has_perms(["knowledge.add_knowledge", "tools.view_tool"])
    assert not alice.has_perm("tools.change_tool")
    assert alice.has_module_perms("knowledge")
    assert not alice.has_module_perms("system")


def test_a_deactivated_person_has_no_rights(admin_user: User) -> None:
    admin_user.is_active = None
    assert not admin_user.is_superuser
    assert not admin_user.is_staff
    assert not admin_user.has_perm("admin.access")
    assert admin_user.get_all_permissions() == frozenset()


def test_all_rights_are_read_in_one_query(operator: User, django_assert_num_queries: Any) -> None:
    person = fresh(operator)
    with django_assert_num_queries(1):
        assert person.is_staff
        assert not person.is_superuser
        assert person.has_module_perms("tools")


def test_a_granted_role_counts_at_once_and_ends_the_persons_sessions(
    alice: User, admin_user: User, client_of: Any
) -> None:
    client = client_of(alice)
    services.grant_role(user=alice, role=role("operator"), by=admin_user)
    assert alice.is_staff
    assert not is_signed_in(client)


def test_a_revoked_role_ends_the_persons_sessions(auditor: User, admin_user: User, client_of: Any) -> None:
    client = client_of(auditor)
    services.revoke_role(user=auditor, role=role("auditor"), by=admin_user)
    assert not fresh(auditor).is_staff
    assert not is_signed_in(client)


def test_changing_ones_own_roles_keeps_the_session_in_use(admin_user: User, client_of: Any) -> None:
    client, other = client_of(admin_user), client_of(admin_user)
    here = Session.objects.order_by("pk").first()
    services.grant_role(user=admin_user, role=role("auditor"), by=admin_user, keep=here)
    assert is_signed_in(client)
    assert not is_signed_in(other)


def test_granting_a_role_twice_or_taking_it_twice_changes_nothing(
    alice: User, admin_user: User, client_of: Any
) -> None:
    client = client_of(alice)
    services.grant_role(user=alice, role=role("user"), by=admin_user)
    services.revoke_role(user=alice, role=role("auditor"), by=admin_user)
    assert UserRole.objects.filter(user=alice).count() == 1
    assert is_signed_in(client)


def test_nobody_hands_out_more_than_they_have(alice: User, operator: User) -> None:
    services.grant_role(user=alice, role=role("auditor"), by=operator)
    with pytest.raises(Forbidden, match="allows more than yours do"):
        services.grant_role(user=alice, role=role("admin"), by=operator)
    with pytest.raises(Forbidden):
        services.grant_role(user=operator, role=role("admin"), by=operator)
    assert fresh(alice).role_names == {"user", "auditor"}


def test_nobody_changes_those_who_may_do_more(operator: User, auditor: User, admin_user: User) -> None:
    for act in (
        lambda: services.revoke_role(user=admin_user, role=role("admin"), by=operator),
        lambda: services.deactivate_user(user=admin_user, by=operator),
        lambda: services.delete_user(user=admin_user, by=operator),
        lambda: services.update_user(user=admin_user, by=operator),
        lambda: services.deactivate_user(user=operator, by=auditor),
    ):
        with pytest.raises(Forbidden):
            act()


def test_the_last_administrator_stays(admin_user: User) -> None:
    admin_user.is_active = False
    for act in (
        lambda: services.revoke_role(user=admin_user, role=role("admin"), by=admin_user),
        lambda: services.delete_user(user=admin_user, by=admin_user),
        lambda: services.delete_account(user=admin_user, password="correct horse battery"),
        lambda: services.update_user(user=admin_user, by=fresh(admin_user)),
    ):
        with pytest.raises(Conflict, match="last administrator"):
            act()
    assert fresh(admin_user).is_superuser


def test_of_two_administrators_one_may_go(admin_user: User, alice: User) -> None:
    services.grant_role(user=alice, role=role("admin"), by=admin_user)
    services.revoke_role(user=admin_user, role=role("admin"), by=alice)
    with pytest.raises(Conflict):
        services.deactivate_user(user=alice, by=alice)
    with pytest.raises(Conflict):
        services.revoke_role(user=alice, role=role("admin"), by=alice)


def test_an_administrator_who_is_kept_out_is_no_administrator_left(admin_user: User, alice: User) -> None:
    services.grant_role(user=alice, role=role("admin"), by=admin_user)
    services.deactivate_user(user=alice, by=admin_user)
    with pytest.raises(Conflict, match="last administrator"):
        services.revoke_role(user=admin_user, role=role("admin"), by=admin_user)


@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_leave_at_the_same_moment(admin_user: User, alice: User) -> None:
    services.grant_role(user=alice, role=role("admin"), by=admin_user)
    start = threading.Barrier(2)
    refused: list[str] = []

    def leave(user: User) -> None:
        person = fresh(user)
        start.wait()
        try:
            services.revoke_role(user=person, role=role("admin"), by=person)
        except Conflict as problem:
            refused.append(problem.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=leave, args=[user]) for user in (admin_user, alice)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["last_admin"]
    assert User.objects.filter(roles__name="admin").count() == 1


def test_the_role_admin_keeps_its_name_and_its_place(admin_user: User, operator: User) -> None:
    admin = role("admin")
    with pytest.raises(Conflict, match="cannot be deleted"):
        services.delete_role(role=admin, by=admin_user)
    admin.name = "boss"
    with pytest.raises(Conflict, match="cannot be renamed"):
        services.save_role(role=admin, by=admin_user)
    other = role("auditor")
    other.name = "admin"
    with pytest.raises(Conflict):
        services.save_role(role=other, by=admin_user)


def test_a_new_role_with_permissions_works(alice: User, admin_user: User) -> None:
    librarian = services.save_role(role=Role(name="librarian"), by=admin_user)
    wanted = [permission("knowledge.delete_knowledge"), permission("system.view_log")]
    services.set_role_permissions(role=librarian, permissions=wanted, by=admin_user)
    services.grant_role(user=alice, role=librarian, by=admin_user)
    assert fresh(alice).has_perm("system.view_log")
    services.set_role_permissions(role=librarian, permissions=wanted[:1], by=admin_user)
    assert not fresh(alice).has_perm("system.view_log")


def test_an_operator_puts_into_a_role_only_what_they_have(operator: User, admin_user: User) -> None:
    librarian = services.save_role(role=Role(name="librarian"), by=operator)
    services.set_role_permissions(
        role=librarian, permissions=[permission("knowledge.view_knowledge")], by=operator
    )
    with pytest.raises(Forbidden):
        services.set_role_permissions(
            role=librarian, permissions=[permission("accounts.add_permission")], by=operator
        )
    with pytest.raises(Forbidden):
        services.set_role_permissions(role=role("admin"), permissions=[], by=operator)


def test_deleting_a_role_signs_its_people_out(auditor: User, admin_user: User, client_of: Any) -> None:
    client = client_of(auditor)
    services.delete_role(role=role("auditor"), by=admin_user)
    assert not is_signed_in(client)
    assert fresh(auditor).role_names == frozenset()


def test_a_persons_roles_are_set_as_a_whole(alice: User, admin_user: User) -> None:
    services.set_roles(user=alice, roles=[role("auditor"), role("operator")], by=admin_user)
    assert fresh(alice).role_names == {"auditor", "operator"}


def test_deactivating_ends_sessions_and_activating_lets_in_again(
    alice: User, operator: User, client_of: Any
) -> None:
    client = client_of(alice)
    services.deactivate_user(user=alice, by=operator)
    assert not is_signed_in(client)
    services.activate_user(user=alice, by=operator)
    assert not is_signed_in(client)  # the old session has ended for good
    assert is_signed_in(client_of(alice))


def test_nobody_deactivates_themselves(operator: User) -> None:
    with pytest.raises(Conflict, match="yourself"):
        services.deactivate_user(user=operator, by=operator)


def test_a_name_taken_meanwhile_is_told_and_not_an_error_of_ours(
    alice: User, bob: User, operator: User
) -> None:
    bob.username = "alice"
    with pytest.raises(Invalid) as refused:
        services.update_user(user=bob, by=operator)
    assert refused.value.errors == {"username": ["This name is taken. Choose another."]}


def test_what_changes_rights_leaves_an_audit_line(alice: User, admin_user: User) -> None:
    Log.objects.all().delete()
    services.grant_role(user=alice, role=role("auditor"), by=admin_user)
    services.revoke_role(user=alice, role=role("auditor"), by=admin_user)
    services.deactivate_user(user=alice, by=admin_user)
    lines = list(
        Log.objects.filter(component="accounts", user_id=admin_user.pk).values_list("message", flat=True)
    )
    for said in ("granted role auditor to alice", "revoked role auditor from alice", "deactivated alice"):
        assert any(said in line for line in lines), said


def test_createsuperuser_makes_an_administrator(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.core.management import call_command

    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long enough passphrase")
    call_command("createsuperuser", "--noinput", username="root", email="root@example.com", verbosity=0)
    root = User.objects.get(username="root")
    assert root.is_superuser
    assert root.nickname == "root"
    assert root.check_password("a long enough passphrase")
