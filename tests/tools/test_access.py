"""Why somebody may run a tool, or not: by service and by REST."""

from typing import Any

import pytest

from accounts.models import Role
from agi_site.lib.problems import NotFound
from tools import services
from tools.models import ToolPolicy


def test_the_rule_that_decided_is_named_with_all_that_fitted(alice: Any, make_tool: Any) -> None:
    tool = make_tool(lambda call: "x")
    wide = ToolPolicy.objects.create(effect="allow")
    narrow = ToolPolicy.objects.create(
        tool=tool, role=Role.objects.get(name="user"), effect="ask", approver="operator", reason="Dear."
    )
    ToolPolicy.objects.create(category="other", effect="deny")
    told = services.explain_access(user=alice, tool="probe")
    assert (told["effect"], told["unattended"], told["approver"]) == ("ask", "deny", "operator")
    assert (told["decided_by"]["id"], told["reason"]) == (narrow.pk, "Dear.")
    assert [one["id"] for one in told["fitted"]] == [narrow.pk, wide.pk]


def test_without_a_rule_the_tools_default_is_named(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call: "x", default_effect="ask")
    told = services.explain_access(user=alice, tool="probe")
    assert told["decided_by"] == {"default_of": "probe", "effect": "ask"}
    assert told["fitted"] == []


def test_a_tool_that_is_off_is_unavailable_whatever_the_policy_says(alice: Any, make_tool: Any) -> None:
    services.set_enabled(tool=make_tool(lambda call: "x"), enabled=False)
    told = services.explain_access(user=alice, tool="probe")
    assert (told["effect"], told["enabled"], told["available"]) == ("unavailable", False, True)


def test_an_unknown_tool_is_not_found(alice: Any) -> None:
    with pytest.raises(NotFound):
        services.explain_access(user=alice, tool="nosuch")


def test_a_permission_names_the_roles_that_give_it(alice: Any, operator: Any) -> None:
    told = services.explain_access(user=operator, permission="tools.approve")
    assert (told["effect"], told["decided_by"]) == ("allow", [{"role": "operator"}])
    assert services.explain_access(user=alice, permission="tools.approve")["effect"] == "deny"


def test_rest_tells_a_person_of_themselves(alice: Any, make_tool: Any, api_of: Any) -> None:
    make_tool(lambda call: "x")
    answer = api_of(alice).get("/api/v1/access/explain/", {"tool": "probe"})
    assert (answer.status_code, answer.json()["effect"], answer.json()["user"]) == (200, "allow", alice.pk)
    assert api_of(alice).get("/api/v1/access/explain", {"tool": "probe"}).json() == answer.json()
    assert api_of(alice).get("/api/v1/access/explain/", {"tool": "nosuch"}).status_code == 404
    for wrong in ({}, {"tool": "probe", "permission": "tools.approve"}):
        assert api_of(alice).get("/api/v1/access/explain/", wrong).status_code == 400


def test_only_those_who_see_the_policy_ask_of_others(
    alice: Any, bob: Any, operator: Any, make_tool: Any, api_of: Any, client: Any
) -> None:
    make_tool(lambda call: "x")
    asked = {"tool": "probe", "user": "bob"}
    assert api_of(alice).get("/api/v1/access/explain/", asked).status_code == 403
    assert api_of(operator).get("/api/v1/access/explain/", asked).json()["user"] == bob.pk
    unknown = asked | {"user": "nobody"}
    assert api_of(operator).get("/api/v1/access/explain/", unknown).status_code == 400
    assert client.get("/api/v1/access/explain/", asked).status_code == 401
