"""People's own programs hear of runs and of questions, in the transaction of the change."""

from typing import Any

import pytest

from accounts.webhooks import services as webhooks
from accounts.webhooks.models import WebhookDelivery
from tools import services
from tools.models import PolicyEffect, Tool, ToolPolicy


@pytest.fixture
def told(alice: Any) -> Any:
    """`told()` is what Alice's webhook is about to be told: events with their data."""
    services.sync_registry()
    webhooks.create_webhook(owner=alice, url="https://hooks.example.com/", events=["*"])
    return lambda: [(one.event, one.payload["data"]) for one in WebhookDelivery.objects.order_by("pk")]


def test_a_run_that_ends_is_told_with_its_tool_and_status(alice: Any, told: Any) -> None:
    done = services.run_tool(user=alice, name="calculator", arguments={"expression": "1+1"})
    failed = services.run_tool(user=alice, name="calculator", arguments={"expression": "1/0"})

    (began, first, _began, second) = told()
    assert (began[0], began[1]["id"]) == ("tool_execution.running", done.pk)
    assert first[0] == "tool_execution.completed"
    assert (first[1]["id"], first[1]["tool"], first[1]["status"]) == (done.pk, "calculator", "completed")
    assert second[0] == "tool_execution.failed"
    assert second[1]["error_message"] == failed.error_message


def test_consent_is_told_when_it_is_asked_for_and_when_it_is_decided(
    alice: Any, told: Any, run_tasks: Any
) -> None:
    ToolPolicy.objects.create(tool=Tool.objects.get(name="calculator"), effect=PolicyEffect.ASK)
    waiting = services.run_tool(user=alice, name="calculator", arguments={"expression": "1+1"})
    services.approve(approval=waiting.approval, by=alice)
    services.run_execution(execution_id=waiting.pk)

    assert [event for event, _data in told()] == [
        "tool_execution.pending",
        "approval.pending",
        "approval.approved",
        "tool_execution.running",
        "tool_execution.completed",
    ]
    refused = services.run_tool(user=alice, name="calculator", arguments={"expression": "2+1"})
    services.reject(approval=refused.approval, by=alice)
    assert [event for event, _data in told()][5:] == [
        "tool_execution.pending",
        "approval.pending",
        "approval.rejected",
        "tool_execution.failed",
    ]


def test_what_the_policy_denies_is_told_as_failed(alice: Any, told: Any) -> None:
    ToolPolicy.objects.create(effect=PolicyEffect.DENY)
    services.run_tool(user=alice, name="calculator", arguments={"expression": "1+1"})
    ((event, data),) = told()
    assert (event, data["error_code"]) == ("tool_execution.failed", "denied")


def test_who_has_no_webhook_pays_no_query(
    alice: Any, bob: Any, told: Any, django_assert_num_queries: Any
) -> None:
    from system.services.webhooks import is_heard

    is_heard(user_id=bob.pk, event="tool_execution.completed")
    with django_assert_num_queries(0):
        assert not is_heard(user_id=bob.pk, event="tool_execution.completed")
    services.run_tool(user=bob, name="calculator", arguments={"expression": "1+1"})
    assert told() == []
