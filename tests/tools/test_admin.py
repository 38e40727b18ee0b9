"""The admin of tools."""

from typing import Any

import pytest
from django.urls import reverse

from system import queue
from tools import services, starter
from tools.models import Tool, ToolExecution, ToolPolicy


@pytest.fixture(autouse=True)
def _starter_tools(db: None) -> None:
    starter.load()


def test_an_operator_switches_tools_off_and_on(operator: Any, client_of: Any) -> None:
    tool = Tool.objects.get(name="calculator")
    browser = client_of(operator)
    for action, enabled in (("disable", False), ("enable", True)):
        asked = {"action": action, "_selected_action": [tool.pk]}
        answer = browser.post(reverse("admin:tools_tool_changelist"), asked, follow=True)
        assert "1 tool changed." in answer.content.decode()
        tool.refresh_from_db()
        assert tool.enabled is enabled


def test_a_tool_shows_its_parameters_and_leads_to_its_runs(operator: Any, alice: Any, client_of: Any) -> None:
    tool = Tool.objects.get(name="calculator")
    services.run_tool(user=alice, name="calculator", arguments={"expression": "1+1"})
    browser = client_of(operator)
    page = browser.get(reverse("admin:tools_tool_change", args=[tool.pk])).content.decode()
    assert "expression" in page
    runs = reverse("admin:tools_toolexecution_changelist") + f"?tool__id__exact={tool.pk}"
    assert runs in page
    assert str(ToolExecution.objects.get().pk) in browser.get(runs).content.decode()


def test_the_ledger_is_read_only(operator: Any, alice: Any, client_of: Any) -> None:
    execution = services.run_tool(user=alice, name="current_time", arguments={})
    browser = client_of(operator)
    assert browser.get(reverse("admin:tools_toolexecution_add")).status_code == 403
    address = reverse("admin:tools_toolexecution_change", args=[execution.pk])
    assert browser.get(address).status_code == 200
    assert browser.post(address, {"status": "failed"}).status_code == 403


def test_an_operator_sets_limits_and_is_told_what_makes_no_sense(operator: Any, client_of: Any) -> None:
    tool = Tool.objects.get(name="calculator")
    address = reverse("admin:tools_tool_change", args=[tool.pk])
    form = {
        "enabled": "true",
        "timeout_seconds": "7",
        "max_retries": "0",
        "max_concurrent": "",
        "rate_limit": "often",
        "parameters-TOTAL_FORMS": "0",
        "parameters-INITIAL_FORMS": "0",
    }
    browser = client_of(operator)
    assert "Write calls per time" in browser.post(address, form).content.decode()
    answer = browser.post(address, form | {"rate_limit": "30/m"})
    assert answer.status_code == 302
    tool.refresh_from_db()
    assert (tool.timeout_seconds, tool.rate_limit, tool.enabled) == (7, "30/m", True)


def test_an_operator_writes_the_policy(operator: Any, client_of: Any) -> None:
    tool = Tool.objects.get(name="calculator")
    add = reverse("admin:tools_toolpolicy_add")
    form = {"tool": tool.pk, "effect": "ask", "approver": "operator", "unattended": "deny", "reason": "Why?"}
    browser = client_of(operator)
    assert browser.post(add, form | {"category": "math"}).status_code == 200  # not both
    assert browser.post(add, form).status_code == 302
    rule = ToolPolicy.objects.get(tool=tool)
    assert (rule.effect, rule.created_by) == ("ask", operator)
    change = reverse("admin:tools_toolpolicy_change", args=[rule.pk])
    assert browser.post(change, form | {"effect": "deny"}).status_code == 302
    assert ToolPolicy.objects.get(tool=tool).effect == "deny"
    assert (
        browser.post(reverse("admin:tools_toolpolicy_delete", args=[rule.pk]), {"post": "yes"}).status_code
        == 302
    )
    assert not ToolPolicy.objects.filter(tool=tool).exists()


def test_an_operator_decides_where_their_word_is_wanted(operator: Any, alice: Any, client_of: Any) -> None:
    tool = Tool.objects.get(name="calculator")
    asked: dict[str, Any] = {"user": alice, "name": "calculator", "arguments": {"expression": "1+1"}}
    ToolPolicy.objects.create(tool=tool, effect="ask", approver="operator")
    theirs = services.run_tool(**asked)
    ToolPolicy.objects.filter(tool=tool).update(approver="self")
    own = services.run_tool(**asked)
    keys = [theirs.approval.pk, own.approval.pk]
    page = client_of(operator).post(
        reverse("admin:tools_approval_changelist"),
        {"action": "approve", "_selected_action": keys},
        follow=True,
    )
    assert "1 row was changed." in page.content.decode()
    assert "Somebody else has to decide this." in page.content.decode()
    queue.run_pending()
    states = [ToolExecution.objects.get(pk=row.pk).status for row in (theirs, own)]
    assert states == ["completed", "pending"]


def test_an_operator_stops_and_repeats_runs(operator: Any, auditor: Any, alice: Any, client_of: Any) -> None:
    row = services.start_tool(user=alice, name="calculator", arguments={"expression": "1+1"})
    address = reverse("admin:tools_toolexecution_changelist")
    client_of(auditor).post(address, {"action": "cancel", "_selected_action": [row.pk]})
    assert ToolExecution.objects.get().status == "pending"
    browser = client_of(operator)
    browser.post(address, {"action": "cancel", "_selected_action": [row.pk]})
    assert ToolExecution.objects.get().error_code == "canceled"
    browser.post(address, {"action": "retry", "_selected_action": [row.pk]})
    again = ToolExecution.objects.exclude(pk=row.pk).get()
    assert (again.user, again.status) == (alice, "pending")
