"""What a new installation begins with."""

import re
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client

from accounts import starter
from accounts.models import Permission, Role, RolePermission, User
from agi_site.lib.owned import OwnedModel, SharedModel


def names(role: str) -> set[str]:
    return set(Permission.objects.filter(roles__name=role).values_list("name", flat=True))


@pytest.fixture
def empty(db: None) -> None:
    Role.objects.all().delete()
    Permission.objects.all().delete()


def test_the_first_start_makes_an_administrator_whose_password_is_told_once(empty: None) -> None:
    said = StringIO()
    call_command("starter", stdout=said)
    found = re.search(r"Sign in as  admin  with the password  (\S+)", said.getvalue())
    assert found
    assert "╔" in said.getvalue()
    response = Client().post("/accounts/sign-in/", {"username": "admin", "password": found[1]})
    assert response.status_code == 302
    assert User.objects.get().is_superuser
    again = StringIO()
    call_command("starter", stdout=again)
    assert "password" not in again.getvalue()


def test_every_table_has_four_permissions(db: None) -> None:
    known = set(Permission.objects.values_list("name", flat=True))
    for model in apps.get_models():
        if issubclass(model, (OwnedModel, SharedModel)) or model is User:
            meta = model._meta
            wanted = {f"{meta.app_label}.{action}_{meta.model_name}" for action in starter.ACTIONS}
            assert wanted <= known
    assert "admin.access" in known


def test_an_auditor_sees_everything_and_changes_nothing(db: None) -> None:
    held = names("auditor")
    views = {name for name in Permission.objects.values_list("name", flat=True) if ".view_" in name}
    assert held == views | {"admin.access"}


def test_an_operator_may_all_that_members_and_auditors_may(db: None) -> None:
    assert names("user") <= names("operator")
    assert names("auditor") <= names("operator")


@pytest.mark.parametrize(
    ("role", "permission", "may"),
    [
        ("operator", "tools.change_tool", True),
        ("operator", "system.change_setting", True),
        ("operator", "system.change_taskqueue", True),
        ("operator", "knowledge.delete_knowledge", True),
        ("operator", "accounts.change_user", True),
        ("operator", "accounts.add_userrole", True),
        ("operator", "accounts.add_permission", False),
        ("operator", "system.change_log", False),
        ("operator", "conversations.change_message", False),
        ("operator", "knowledge.change_memory", False),
        ("user", "knowledge.add_knowledge", True),
        ("user", "knowledge.delete_knowledge", True),
        ("user", "tools.view_tool", True),
        ("user", "tools.add_tool", False),
        ("user", "system.view_log", False),
        ("user", "accounts.view_user", False),
        ("user", "admin.access", False),
        ("auditor", "accounts.view_session", True),
    ],
)
def test_a_starter_role_may(db: None, role: str, permission: str, may: bool) -> None:
    assert Permission.objects.filter(name=permission).exists()
    assert (permission in names(role)) is may


def test_what_an_operator_took_from_a_role_stays_away(db: None) -> None:
    RolePermission.objects.filter(role__name="user", permission__name="tools.view_tool").delete()
    starter.load()
    assert "tools.view_tool" not in names("user")


def test_a_role_made_in_passing_is_filled(empty: None) -> None:
    Role.objects.create(name="user")
    starter.load()
    assert "knowledge.add_knowledge" in names("user")
    assert Role.objects.get(name="user").description


def test_a_role_whose_description_was_cleared_is_not_filled_again(db: None) -> None:
    Role.objects.filter(name="user").update(description="")
    RolePermission.objects.filter(role__name="user", permission__name="tools.view_tool").delete()
    starter.load()
    assert "tools.view_tool" not in names("user")


def test_a_permission_that_is_new_goes_to_the_roles_it_is_meant_for(db: None) -> None:
    Permission.objects.filter(name="tools.view_tool").delete()
    starter.load()
    assert {"tools.view_tool"} <= names("user") & names("operator") & names("auditor") & names("admin")


def test_loading_twice_changes_nothing(db: None) -> None:
    before = RolePermission.objects.count(), Permission.objects.count(), Role.objects.count()
    starter.load_roles()
    assert (RolePermission.objects.count(), Permission.objects.count(), Role.objects.count()) == before


def test_an_app_declares_verbs_of_its_own(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps.get_app_config("tools"), "verbs", {"tools.run": "Run tools"}, raising=False)
    starter.load_roles()
    assert Permission.objects.get(name="tools.run").description == "Run tools"
    assert "tools.run" in names("admin")


def test_loading_takes_few_queries_when_all_is_there(
    admin_user: Any, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(15):
        starter.load()
