"""The admin of tools."""

from typing import Any

import pytest
from django.urls import reverse

from tools import services, starter
from tools.models import Tool, ToolExecution


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
