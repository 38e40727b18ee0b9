"""People's own programs hear of each change of a run and of its steps, in the transaction of the change."""

import pytest

from accounts.webhooks import services as webhooks
from accounts.webhooks.models import WebhookDelivery
from planning import services
from tests.planning.conftest import row_of, step

pytestmark = pytest.mark.django_db
WAIT = {"kind": "wait", "arguments": {"seconds": 60}}


@pytest.fixture
def told(alice):
    """`told()` is what Alice's webhook is about to be told of plans: (change, key of the step)."""
    events = ["plan_execution.*", "plan_step_execution.*"]
    webhooks.create_webhook(owner=alice, url="https://hooks.example.com/", events=events)

    def found():
        rows = WebhookDelivery.objects.order_by("pk").values_list("event", "payload")
        return [(event.removeprefix("plan_"), payload["data"].get("key")) for event, payload in rows]

    return found


def test_a_run_is_told_from_its_beginning_to_its_end(told, run, tools):
    run(step("a", tool="echo", arguments={"value": "x"}))
    assert told() == [
        ("execution.running", None),
        ("step_execution.running", "a"),
        ("step_execution.completed", "a"),
        ("execution.completed", None),
    ]


def test_what_people_do_to_a_run_is_told(told, run, again, alice):
    execution = run(step("w", **WAIT), step("b", "w"))
    before = told()
    assert before[-1] == ("step_execution.waiting", "w")
    for verb in (services.pause_plan, services.pause_plan, services.resume_plan, services.cancel_plan):
        verb(execution=execution, by=alice)
    services.retry_plan(execution=execution, by=alice)
    services.skip_step(step=row_of(execution, "w"), by=alice, reason="enough")
    assert told()[len(before) :] == [
        ("execution.paused", None),
        ("execution.resumed", None),
        ("step_execution.skipped", "w"),
        ("step_execution.skipped", "b"),
        ("execution.canceled", None),
        ("execution.running", None),
        ("step_execution.skipped", "w"),
    ]


def test_what_is_skipped_behind_a_failure_is_told_with_its_reason(told, run, tools):
    tools.failures = 1
    run(step("bad", tool="shaky"), step("b", "bad"), step("c", "b"))
    assert told()[2:] == [
        ("step_execution.skipped", "b"),
        ("step_execution.skipped", "c"),
        ("step_execution.failed", "bad"),
        ("execution.failed", None),
    ]
    skipped = WebhookDelivery.objects.filter(event="plan_step_execution.skipped").first()
    assert "bad" in skipped.payload["data"]["error_message"]
