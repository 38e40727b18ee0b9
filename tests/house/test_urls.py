"""Every door has a lock: pages want sign-in, resources a permission; the open ones are listed here."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.permissions import AllowAny

OPEN_PAGES = {
    "home": "shows what the product is to those who are not signed in",
    "api_no_resource": "says that there is nothing at an address",
    "system:healthz": "is asked by load balancers; says up or down and nothing else",
    "set_theme": "is a choice visitors make before they sign in",
    "events:conversation": "asks for itself: a stream cannot follow a redirect to a page",
    "sandbox_events:sandbox": "asks for itself: a stream cannot follow a redirect to a page",
    "sandbox_events:files": "asks for itself: a stream cannot follow a redirect to a page",
    "sandbox_events:execution": "asks for itself: a stream cannot follow a redirect to a page",
    "sandbox_events:run": "the REST view behind it asks who it is",
    "sandbox_events:cells": "the REST view behind it asks who it is",
    "sandbox_events:once": "the REST view behind it asks who it is",
    "sandbox_events:image_build": "asks for itself: a stream cannot follow a redirect to a page",
    "tool_events:execution": "asks for itself: a stream cannot follow a redirect to a page",
    "plan_events:execution": "asks for itself: a stream cannot follow a redirect to a page",
    "plan_events:plan": "asks for itself: a stream cannot follow a redirect to a page",
    "accounts:sign_in": "is where people sign in",
    "accounts:sign_up": "is where people join",
    "accounts:set_language": "is a choice visitors make before they sign in",
    "accounts:password_reset": "is for those who cannot sign in",
    "accounts:password_reset_done": "is for those who cannot sign in",
    "accounts:password_reset_confirm": "is for those who cannot sign in",
    "accounts:password_reset_complete": "is for those who cannot sign in",
    "admin:login": "is where operators sign in",
    "admin:jsi18n": "is a catalogue of translations",
    "admin:index": "sends those who are not staff to sign in",
}
OPEN_RESOURCES = {
    "api_schema": "describes the API",
    "api_docs": "shows that description",
    "api_docs_schema": "the description as that page takes it",
    "auth_token": "is where programs sign in",
    "auth_sign_up": "is where people join",
    "auth_password_reset": "is for those who cannot sign in",
    "auth_password_reset_confirm": "is for those who cannot sign in",
}


def patterns(resolver: Any = None, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from patterns(entry, inner)
        else:
            yield f"{namespace}{entry.name}", entry


ALL = dict(patterns())
RESOURCES = {name: p for name, p in ALL.items() if hasattr(p.callback, "cls")}
PAGES = {name: p for name, p in ALL.items() if name not in RESOURCES and not name.startswith("admin:")}


@pytest.mark.parametrize("name", sorted(set(PAGES) - set(OPEN_PAGES)))
def test_a_page_wants_sign_in(name: str) -> None:
    assert getattr(PAGES[name].callback, "login_required", True), f"{name} is open and not listed"


@pytest.mark.parametrize("name", sorted(RESOURCES))
def test_a_resource_names_its_permission(name: str) -> None:
    classes = RESOURCES[name].callback.cls.permission_classes
    if name in OPEN_RESOURCES:
        return
    assert classes, f"{name} has no permission"
    assert AllowAny not in classes, f"{name} is open and not listed"


def test_the_lists_name_only_doors_that_exist() -> None:
    missing = (set(OPEN_PAGES) | set(OPEN_RESOURCES)) - set(ALL)
    assert missing == set()
