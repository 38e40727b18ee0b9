"""REST and the admin of plans, and the assistant's own tools for them."""

from typing import Any

import pytest
from django.urls import reverse

from planning import services
from planning.models import Plan, PlanExecution, PlanSchedule
from tools import starter as tools_starter
from tools.services import approve, run_tool

STEPS = [
    {"key": "sum", "tool_name": "calculator", "arguments": {"expression": "12 * 7"}},
    {
        "key": "twice",
        "tool_name": "calculator",
        "arguments": {"expression": "{{ steps.sum.output.result }} * {{ inputs.by }}"},
    },
]


@pytest.fixture(autouse=True)
def _tools(db: None) -> None:
    tools_starter.load()


def stored(client: Any, **more: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/plans/", {"title": "sums", "steps": STEPS, **more}, format="json")
    assert answer.status_code == 201, answer.json()
    return dict(answer.json())


def test_a_plan_is_stored_with_its_steps_run_and_read(alice: Any, api_of: Any, run_tasks: Any) -> None:
    client = api_of(alice)
    plan = stored(client, inputs={"by": None})
    first, second = plan["steps"]
    assert (first["kind"], second["depends_on"]) == ("tool", str(first["id"]))
    address = f"/api/v1/plans/{plan['id']}/"
    assert client.post(f"{address}dry-run/", {}, format="json").json()["missing"] == ["by"]
    assert client.post(f"{address}start/", {}, format="json").json()["code"] == "inputs_missing"
    run = client.post(f"{address}start/", {"inputs": {"by": 2}}, format="json")
    assert run.status_code == 202
    run_tasks()
    found = client.get(f"/api/v1/plan-executions/{run.json()['id']}/").json()
    assert (found["status"], found["result"]["outputs"]["twice"]["result"]) == ("completed", "168")
    again = client.post(
        f"/api/v1/plan-executions/{found['id']}/run-again/", {"inputs": {"by": 3}}, format="json"
    )
    run_tasks()
    later = again.json()["id"]
    rows = client.get(f"/api/v1/plan-executions/{found['id']}/diff/", {"with": later}).json()
    assert {row["key"]: row["change"] for row in rows} == {"sum": "same", "twice": "changed"}


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        ([{"key": "a", "depends_on": ["b"]}, {"key": "b", "depends_on": ["a"]}], "steps.a.depends_on"),
        ([{"key": "a", "depends_on": ["ghost"]}], "steps.a.depends_on"),
        ([{"key": "a", "depends_on": ["a"]}], "steps.a.depends_on"),
        ([{"key": "a", "tool_name": "no_such"}], "steps.a.tool_name"),
        ([{"key": "a", "tool_name": "calculator", "arguments": {"sum": 1}}], "steps.a.arguments.sum"),
    ],
)
def test_unsound_steps_are_refused_and_named(alice: Any, api_of: Any, steps: Any, place: str) -> None:
    refused = api_of(alice).post("/api/v1/plans/", {"title": "x", "steps": steps}, format="json")
    assert refused.status_code == 400
    assert place in refused.json()["errors"]
    assert not Plan.objects.exists()


def test_a_field_that_no_step_has_is_named_and_nothing_stored(alice: Any, api_of: Any) -> None:
    steps = [{"key": "a", "toolname": "calculator"}]
    refused = api_of(alice).post("/api/v1/plans/", {"title": "x", "steps": steps}, format="json")
    assert refused.status_code == 400
    assert "tool_name" in str(refused.json()["errors"])
    assert not Plan.objects.exists()


def test_steps_are_taken_as_they_are_exported(alice: Any, api_of: Any) -> None:
    client = api_of(alice)
    address = f"/api/v1/plans/{stored(client)['id']}/export/"
    steps = client.get(address).json()["steps"]
    copy = client.post("/api/v1/plans/", {"title": "copy", "steps": steps}, format="json").json()
    assert client.get(f"/api/v1/plans/{copy['id']}/export/").json()["steps"] == steps
    assert copy["steps"][0]["tool_name"] == "calculator"


def test_steps_are_replaced_as_a_whole(alice: Any, api_of: Any) -> None:
    client = api_of(alice)
    plan = stored(client)
    kept = plan["steps"][0]["id"]
    address = f"/api/v1/plans/{plan['id']}/"
    changed = client.patch(
        address, {"steps": [{"key": "new"}, STEPS[0]], "title": "other"}, format="json"
    ).json()
    assert ([step["key"] for step in changed["steps"]], changed["title"]) == (["new", "sum"], "other")
    assert (changed["steps"][1]["id"], changed["version"]) == (kept, 2)


def test_a_change_that_is_refused_changes_nothing(alice: Any, api_of: Any) -> None:
    client = api_of(alice)
    plan = stored(client)
    wrong = {"steps": [{"key": "new"}], "budget": {"foo": 1}}
    assert client.patch(f"/api/v1/plans/{plan['id']}/", wrong, format="json").status_code == 400
    kept = client.get(f"/api/v1/plans/{plan['id']}/").json()
    assert (kept["steps"], kept["version"]) == (plan["steps"], plan["version"])


def test_plans_and_runs_of_others_do_not_exist(alice: Any, bob: Any, api_of: Any) -> None:
    plan = stored(api_of(alice), inputs={"by": 2})
    run = services.start_plan(plan=Plan.objects.get(), by=alice)
    stranger = api_of(bob)
    for verb in ("start", "dry-run", "duplicate", "reorder", "accept-draft", "propose-again"):
        assert stranger.post(f"/api/v1/plans/{plan['id']}/{verb}/", {}, format="json").status_code == 404
    for verb in ("pause", "resume", "cancel", "retry", "run-again"):
        assert (
            stranger.post(f"/api/v1/plan-executions/{run.pk}/{verb}/", {}, format="json").status_code == 404
        )
    refused = stranger.post(
        "/api/v1/plan-schedules/", {"plan": plan["id"], "cron": "0 9 * * *"}, format="json"
    )
    assert refused.status_code == 400
    assert not PlanSchedule.objects.exists()


def test_lists_take_few_queries(alice: Any, api_of: Any, django_assert_max_num_queries: Any) -> None:
    client = api_of(alice)
    for _number in range(5):
        stored(client)
    for prefix in ("plans", "plan-steps", "plan-executions", "plan-step-executions", "plan-schedules"):
        with django_assert_max_num_queries(5):
            assert client.get(f"/api/v1/{prefix}/").status_code == 200
    with django_assert_max_num_queries(6):
        client.get(f"/api/v1/plans/{Plan.objects.first().pk}/")


def test_a_schedule_by_rest(alice: Any, api_of: Any) -> None:
    client = api_of(alice)
    plan = stored(client)
    given = {"plan": plan["id"], "cron": "0 9 * * 1-5", "time_zone": "Asia/Seoul"}
    made = client.post("/api/v1/plan-schedules/", given, format="json").json()
    assert made["next_run_at"]
    address = f"/api/v1/plan-schedules/{made['id']}/"
    assert client.patch(address, {"cron": "never"}, format="json").json()["errors"].keys() == {"cron"}
    assert client.patch(address, {"enabled": False}, format="json").json()["next_run_at"] is None
    assert client.delete(address).status_code == 204


def test_what_was_exported_is_imported(alice: Any, api_of: Any) -> None:
    client = api_of(alice)
    plan = stored(client)
    document = client.get(f"/api/v1/plans/{plan['id']}/export/").json()
    again = client.post("/api/v1/plans/import/", document, format="json")
    assert [step["key"] for step in again.json()["steps"]] == ["sum", "twice"]
    assert client.post("/api/v1/plans/import/", {"steps": 5}, format="json").status_code == 400
    assert len(client.get("/api/v1/plans/templates/", HTTP_ACCEPT_LANGUAGE="ko").json()) == 5


def test_an_operator_ends_runs_and_holds_schedules(alice: Any, admin_user: Any, client_of: Any) -> None:
    plan = services.create_plan(owner=alice, title="x", steps=[services.StepDraft("a")])
    run = services.start_plan(plan=plan, by=alice)
    row = services.create_schedule(plan=plan, by=alice, cron="0 9 * * *")
    client = client_of(admin_user)
    for model, action, pk in (("planexecution", "cancel", run.pk), ("planschedule", "disable", row.pk)):
        address = reverse(f"admin:planning_{model}_changelist")
        client.post(address, {"action": action, "_selected_action": [pk]})
    run.refresh_from_db()
    row.refresh_from_db()
    assert (run.status, row.enabled) == ("canceled", False)


# --- The assistant's tools --------------------------------------------------------------------------------
PLAN = {
    "title": "Sums",
    "steps": [
        {"key": "sum-1", "description": "Add", "tool": "calculator", "arguments": {"expression": "12 * 7"}},
        {
            "key": "three",
            "description": "Times three",
            "tool": "calculator",
            "arguments": {"expression": "{{ steps.sum-1.output.result }} * 3"},
            "depends_on": ["sum-1"],
        },
    ],
}


def test_run_plan_asks_first_then_runs_and_gives_the_outputs(alice: Any, run_tasks: Any) -> None:
    asked = run_tool(user=alice, name="run_plan", arguments=PLAN)
    assert asked.status == "pending"
    assert not Plan.objects.exists()
    approve(approval=asked.approval, by=alice)
    run_tasks()
    asked.refresh_from_db()
    run = PlanExecution.objects.get()
    assert (run.trigger_type, run.trigger_id) == ("tool_execution", asked.pk)
    assert asked.status == "completed", asked.error_message
    assert asked.result["outputs"]["three"]["result"] == "252"
    assert (asked.result["steps_completed"], asked.result["title"]) == (2, "Sums")


def test_create_plan_only_stores(alice: Any) -> None:
    done = run_tool(user=alice, name="create_plan", arguments=PLAN)
    assert (done.status, Plan.objects.get().pk) == ("completed", done.result["plan_id"])
    assert not PlanExecution.objects.exists()


def test_an_unsound_plan_of_the_assistant_is_told_to_it(alice: Any) -> None:
    steps = [{"key": "a", "description": "x", "tool": "no_such"}]
    done = run_tool(user=alice, name="create_plan", arguments={"title": "x", "steps": steps})
    assert done.status == "failed"
    assert "no_such" in done.error_message
