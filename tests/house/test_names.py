"""One word per thing: tables, classes, resources and admin pages carry the schema's own names."""

import json
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import NoReverseMatch, reverse

from .test_architecture import APPS

REFERENCE = json.loads((Path(__file__).parent.parent / "schema" / "reference-schema.json").read_text())
MODELS = {model._meta.db_table: model for app in APPS for model in apps.get_app_config(app).get_models()}
SINGULAR = {"user_roles": "UserRole", "role_permissions": "RolePermission"}


def class_name(table: str) -> str:
    words = [word.upper() if word == "rl" else word.title() for word in table.split("_")]
    return SINGULAR.get(table, "".join(words))


@pytest.mark.parametrize("table", REFERENCE)
def test_a_table_of_the_schema_is_a_model_of_that_name(table: str) -> None:
    assert MODELS[table].__name__ == class_name(table)


@pytest.mark.parametrize("table", REFERENCE)
def test_a_model_has_every_column_of_its_table(table: str) -> None:
    columns = {field.column for field in MODELS[table]._meta.concrete_fields}
    assert {column["name"] for column in REFERENCE[table]["columns"]} <= columns


@pytest.mark.parametrize("table", REFERENCE)
def test_a_table_is_in_the_admin(table: str) -> None:
    assert admin.site.is_registered(MODELS[table])


@pytest.mark.parametrize("table", REFERENCE)
def test_a_table_is_a_resource(table: str) -> None:
    from agi_site.api_urls import router

    resources = {viewset.queryset.model for _prefix, viewset, _name in router.registry}
    assert MODELS[table] in resources


def test_resources_are_plural_and_in_kebab_case() -> None:
    from agi_site.api_urls import router

    for prefix, viewset, _name in router.registry:
        table = viewset.queryset.model._meta.db_table.replace("_", "-")
        assert prefix.startswith(table[:-2]), f"{prefix} does not say {table}"
        assert prefix == prefix.lower()


def test_every_name_in_a_url_can_be_reversed() -> None:
    with pytest.raises(NoReverseMatch):
        reverse("no-such-page")
    assert reverse("home") == "/"
