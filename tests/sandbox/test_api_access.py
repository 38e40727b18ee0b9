"""Whom the REST door of sandboxes lets in: what is not one's own does not exist."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.models import Sandbox, SandboxEvent, SandboxExecution

from .fixtures_doors import URL, VERBS, at

POSTS: dict[str, dict[str, Any]] = {
    **{verb: {} for verb in VERBS},
    "extend": {"seconds": 60},
    "limits": {"memory_limit": 1 << 28},
    "policy": {"network_policy": {"default": "deny"}},
    "environment": {"env": {"A": "b"}},
    "run": {"command": "ls"},
    "cells": {"code": "1 + 1"},
    "terminals": {},
    "ports": {"container_port": 8000},
    "snapshots": {},
    "restore": {"snapshot": "none"},
    "clone": {},
    "files/mkdir": {"path": "a"},
    "files/move": {"source": "a", "target": "b"},
}


@pytest.mark.parametrize("verb", POSTS)
def test_a_sandbox_of_someone_else_does_not_exist_for_any_verb(
    verb: str, bob: Any, api_of: Any, client: Any, a_sandbox: Sandbox
) -> None:
    answer = api_of(bob).post(at(a_sandbox, verb), POSTS[verb])
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert client.post(at(a_sandbox, verb)).status_code == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("patch", ""),
        ("delete", ""),
        ("get", "isolation"),
        ("get", "files"),
        ("delete", "files"),
        ("get", "files/content"),
        ("put", "files/content"),
        ("get", "files/text"),
        ("get", "files/archive"),
        ("put", "files/archive"),
    ],
)
def test_nor_is_there_anything_below_it(
    method: str, path: str, bob: Any, operator: Any, api_of: Any, a_sandbox: Sandbox
) -> None:
    for person in (bob, operator):
        ask = getattr(api_of(person), method)
        assert ask(f"{at(a_sandbox, path)}?path=a").status_code == 404


def test_executions_and_events_of_someone_else_do_not_exist(
    bob: Any, api_of: Any, an_execution: SandboxExecution
) -> None:
    event = SandboxEvent.objects.create(sandbox=an_execution.sandbox, kind="created")
    api = api_of(bob)
    for verb in ("cancel", "input"):
        assert api.post(f"/api/v1/sandbox-executions/{an_execution.pk}/{verb}/", {}).status_code == 404
    assert api.get(f"/api/v1/sandbox-executions/{an_execution.pk}/wait/").status_code == 404
    assert api.get(f"/api/v1/sandbox-events/{event.pk}/").status_code == 404


@pytest.mark.parametrize("key", ["nosuch", "%00", "a" * 500])
def test_a_key_that_names_nothing_is_not_found(key: str, alice: Any, api_of: Callable[[Any], Any]) -> None:
    for verb in ("", "isolation/", "files/"):
        assert api_of(alice).get(f"{URL}{key}/{verb}").status_code == 404
    assert api_of(alice).post(f"{URL}{key}/stop/").status_code == 404
