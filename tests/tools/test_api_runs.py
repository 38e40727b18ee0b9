"""The REST door of runs, consent and policy."""

import json
from typing import Any

import pytest

from system import queue
from tools import services
from tools.models import Approval, Tool, ToolExecution, ToolPolicy
from tools.registry import Later, Parameter

TEXT = (Parameter("text", "string", "A text.", default="x", schema={"maxLength": 9}),)
PEOPLE = ("alice", "bob", "operator", "auditor")


def address(tool: Tool, verb: str = "run") -> str:
    return f"/api/v1/tools/{tool.pk}/{verb}/"


# --- Running ------------------------------------------------------------------------------------------------
def test_a_worker_runs_it_where_nobody_waits(alice: Any, make_tool: Any, api_of: Any) -> None:
    tool = make_tool(lambda call, *, text: text * 2, TEXT)
    answer = api_of(alice).post(address(tool) + "?wait=0", {"arguments": {"text": "ab"}})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    queue.run_pending()
    row = api_of(alice).get(f"/api/v1/tool-executions/{answer.json()['id']}/").json()
    assert (row["status"], row["result"], row["asked_through"]) == ("completed", "abab", "api")


@pytest.mark.parametrize("effect", ["allow", "ask"])
@pytest.mark.django_db(transaction=True)
def test_a_worker_keeps_to_the_time_that_the_caller_allows(
    effect: Any, alice: Any, make_tool: Any, api_of: Any
) -> None:
    tool = make_tool(lambda call: f"{call.remaining():.0f}", default_effect=effect, timeout=30)
    answer = api_of(alice).post(address(tool) + "?wait=0", {"timeout": 10})
    for approval in Approval.objects.all():
        services.approve(approval=approval, by=alice)
    queue.run_pending()
    row = ToolExecution.objects.get(pk=answer.json()["id"])
    assert (row.result, round((row.deadline_at - row.started_at).total_seconds())) == ("10", 10)


def test_the_same_key_runs_it_once(alice: Any, make_tool: Any, api_of: Any) -> None:
    tool = make_tool(lambda call, *, text: call.execution_id, TEXT)
    answers = [api_of(alice).post(address(tool), {}, headers={"Idempotency-Key": "k1"}) for _n in range(2)]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert ToolExecution.objects.count() == 1
    for wrong in ("", "x" * 101, "\u00e9"):
        refused = api_of(alice).post(address(tool), {}, headers={"Idempotency-Key": wrong})
        assert refused.status_code == 400
        assert "Idempotency-Key" in refused.json()["errors"]


def test_a_key_of_another_tools_call_is_refused(alice: Any, make_tool: Any, api_of: Any) -> None:
    first = make_tool(lambda call, *, text: text, TEXT)
    other = make_tool(lambda call, *, text: text, TEXT, name="other")
    key = {"Idempotency-Key": "k1"}
    assert api_of(alice).post(address(first), {}, headers=key).status_code == 201
    refused = api_of(alice).post(address(other), {}, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (409, "key_of_another_call")
    assert ToolExecution.objects.count() == 1


def test_each_missing_argument_is_named_once(alice: Any, make_tool: Any, api_of: Any) -> None:
    parameters = tuple(Parameter(name, "string", "A text.", required=True) for name in ("one", "two"))
    refused = api_of(alice).post(address(make_tool(lambda call, **_given: "", parameters)), {})
    said = ["This argument is required."]
    assert refused.json()["errors"] == {"one": said, "two": said}


def test_what_the_policy_denies_is_answered_as_such(alice: Any, make_tool: Any, api_of: Any) -> None:
    tool = make_tool(lambda call, *, text: text, TEXT)
    ToolPolicy.objects.create(effect="deny")
    answer = api_of(alice).post(address(tool), {})
    assert (answer.status_code, answer.json()["error_code"]) == (201, "denied")


def test_a_run_that_has_to_wait_says_when(alice: Any, make_tool: Any, api_of: Any) -> None:
    tool = make_tool(lambda call, *, text: text, TEXT)
    services.change_limits(tool=tool, by=None, rate_limit="1/h")
    api_of(alice).post(address(tool), {})
    refused = api_of(alice).post(address(tool), {})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0


def test_operators_set_limits(alice: Any, operator: Any, make_tool: Any, api_of: Any) -> None:
    tool = make_tool(lambda call, *, text: text, TEXT)
    assert api_of(alice).post(address(tool, "limits"), {"max_retries": 1}).status_code == 403
    answer = api_of(operator).post(address(tool, "limits"), {"rate_limit": "9/m", "timeout_seconds": 7})
    assert (answer.json()["rate_limit"], answer.json()["timeout_seconds"]) == ("9/m", 7)
    refused = api_of(operator).post(address(tool, "limits"), {"rate_limit": "often"})
    assert (refused.status_code, set(refused.json()["errors"])) == (400, {"rate_limit"})


# --- The ledger ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("result", "kind", "body"),
    [
        ("기억 " * 40_000, "text/plain; charset=utf-8", "기억 " * 40_000),
        ({"lines": ["a"] * 40_000}, "application/json", json.dumps({"lines": ["a"] * 40_000})),
        ({"small": "기억"}, "application/json", '{"small": "기억"}'),
    ],
)
def test_a_result_is_sent_whole(
    result: Any, kind: str, body: str, alice: Any, bob: Any, make_tool: Any, api_of: Any
) -> None:
    make_tool(lambda call: result)
    row = services.run_tool(user=alice, name="probe", arguments={})
    answer = api_of(alice).get(f"/api/v1/tool-executions/{row.pk}/result/")
    sent = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert (answer.status_code, answer.headers["Content-Type"], sent.decode()) == (200, kind, body)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if row.result_file:
        assert row.result_size == len(sent)
    assert api_of(bob).get(f"/api/v1/tool-executions/{row.pk}/result/").status_code == 404


def test_a_run_without_a_result_says_so(alice: Any, make_tool: Any, api_of: Any) -> None:
    make_tool(lambda call: Later("plan_execution", "p1"))
    row = services.run_tool(user=alice, name="probe", arguments={})
    answer = api_of(alice).get(f"/api/v1/tool-executions/{row.pk}/result/")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_result")


def test_a_run_is_stopped_by_its_person_only(alice: Any, bob: Any, make_tool: Any, api_of: Any) -> None:
    make_tool(lambda call: Later("plan_execution", "p1"))
    row = services.run_tool(user=alice, name="probe", arguments={})
    stop = f"/api/v1/tool-executions/{row.pk}/cancel/"
    assert api_of(bob).post(stop).status_code == 404
    answer = api_of(alice).post(stop)
    assert (answer.status_code, answer.json()["error_code"]) == (202, "canceled")
    assert api_of(alice).post(stop).status_code == 409


# --- Consent ------------------------------------------------------------------------------------------------
@pytest.fixture
def waiting(alice: Any, make_tool: Any) -> ToolExecution:
    make_tool(lambda call, *, text: text, TEXT, default_effect="ask")
    return services.run_tool(user=alice, name="probe", arguments={"text": "ab"})


def of(row: ToolExecution, verb: str = "") -> str:
    assert row.approval is not None
    return f"/api/v1/approvals/{row.approval.pk}/{verb}{'/' if verb else ''}"


def test_a_run_that_needs_consent_is_answered_with_its_question(
    alice: Any, make_tool: Any, api_of: Any
) -> None:
    tool = make_tool(lambda call, *, text: text, TEXT, default_effect="ask")
    answer = api_of(alice).post(address(tool), {})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    question = api_of(alice).get(f"/api/v1/approvals/{answer.json()['approval']}/").json()
    assert (question["target_id"], question["title"]) == (answer.json()["id"], "probe")


def test_consent_is_given_with_other_arguments(alice: Any, waiting: ToolExecution, api_of: Any) -> None:
    bad = api_of(alice).post(of(waiting, "approve"), {"arguments": {"text": "far too long"}})
    assert (bad.status_code, set(bad.json()["errors"])) == (400, {"text"})
    answer = api_of(alice).post(of(waiting, "approve"), {"arguments": {"text": "cd"}, "note": "Better."})
    assert (answer.status_code, answer.json()["status"], answer.json()["note"]) == (
        200,
        "approved",
        "Better.",
    )
    queue.run_pending()
    row = api_of(alice).get(f"/api/v1/tool-executions/{waiting.pk}/").json()
    assert (row["result"], row["approved_by"], row["approval"]) == ("cd", alice.pk, answer.json()["id"])
    assert api_of(alice).post(of(waiting, "reject")).status_code == 409


def test_consent_is_refused_with_a_note(alice: Any, waiting: ToolExecution, api_of: Any) -> None:
    answer = api_of(alice).post(of(waiting, "reject"), {"note": "No."})
    assert answer.json()["status"] == "rejected"
    row = api_of(alice).get(f"/api/v1/tool-executions/{waiting.pk}/").json()
    assert (row["error_code"], row["approved_by"]) == ("rejected", None)


def test_a_question_to_somebody_else_does_not_exist(
    bob: Any, operator: Any, waiting: ToolExecution, api_of: Any
) -> None:
    for person in (bob, operator):
        for verb in ("approve", "reject", "delegate"):
            body = {"username": "bob"} if verb == "delegate" else {}
            assert api_of(person).post(of(waiting, verb), body).status_code == 404
        assert api_of(person).get(of(waiting)).status_code == 404
        assert api_of(person).get("/api/v1/approvals/").json()["results"] == []


def test_a_question_is_handed_on(alice: Any, bob: Any, waiting: ToolExecution, api_of: Any) -> None:
    nobody = api_of(alice).post(of(waiting, "delegate"), {"username": "nobody"})
    assert (nobody.status_code, set(nobody.json()["errors"])) == (400, {"username"})
    assert api_of(alice).post(of(waiting, "delegate"), {"username": "bob"}).json()["delegate"] == bob.pk
    refused = api_of(alice).post(of(waiting, "approve"))
    assert (refused.status_code, refused.json()["code"]) == (403, "not_yours_to_decide")
    mine = api_of(bob).get("/api/v1/approvals/", {"decidable": "1"}).json()["results"]
    assert len(mine) == 1
    assert api_of(alice).get("/api/v1/approvals/", {"decidable": "1"}).json()["results"] == []
    assert api_of(bob).post(of(waiting, "approve")).json()["decided_by"] == bob.pk


@pytest.mark.parametrize("rows", [5, 200])
def test_the_inbox_takes_the_same_queries_however_long(
    rows: int, alice: Any, api_of: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(rows):
        services.ask(user=alice, target_type="plan_step_execution", target_id=str(number), title="?")
    client = api_of(alice)
    with django_assert_max_num_queries(4):
        found = client.get("/api/v1/approvals/", {"status": "pending"}).json()["results"]
    assert len(found) == min(rows, 50)


# --- The policy ---------------------------------------------------------------------------------------------
def test_operators_write_the_policy(operator: Any, make_tool: Any, api_of: Any) -> None:
    tool, client = make_tool(lambda call: "x"), api_of(operator)
    made = client.post("/api/v1/tool-policies/", {"tool": tool.pk, "effect": "ask", "reason": "Costs."})
    assert made.status_code == 201
    assert made.json()["created_by"] == operator.pk
    one = f"/api/v1/tool-policies/{made.json()['id']}/"
    assert client.patch(one, {"effect": "deny"}).json()["effect"] == "deny"
    assert client.delete(one).status_code == 204
    assert not ToolPolicy.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"effect": "perhaps"}, "effect"),
        ({}, "effect"),
        ({"effect": "ask", "expires_seconds": 0}, "expires_seconds"),
        ({"effect": "ask", "expires_seconds": 10**9}, "expires_seconds"),
        ({"effect": "allow", "exec_env": "sandbox", "tool": "probe"}, "exec_env"),
        ({"effect": "allow", "role": 987_654}, "role"),
    ],
)
def test_a_rule_that_makes_no_sense_is_named(
    body: dict[str, Any], field: str, operator: Any, make_tool: Any, api_of: Any
) -> None:
    tool = make_tool(lambda call: "x")
    body = body | ({"tool": tool.pk} if "tool" in body else {})
    refused = api_of(operator).post("/api/v1/tool-policies/", body)
    assert (refused.status_code, set(refused.json()["errors"])) == (400, {field})


def test_a_rule_of_tool_and_category_is_refused(operator: Any, make_tool: Any, api_of: Any) -> None:
    body = {"tool": make_tool(lambda call: "x").pk, "category": "web", "effect": "deny"}
    refused = api_of(operator).post("/api/v1/tool-policies/", body)
    told = ["Name a tool or a category, not both."]
    assert (refused.status_code, refused.json()["errors"]) == (400, {"tool": told, "category": told})
    rule = ToolPolicy.objects.create(tool_id=body["tool"], effect="deny")
    changed = api_of(operator).patch(f"/api/v1/tool-policies/{rule.pk}/", {"category": "web"})
    assert (changed.status_code, changed.json()["errors"]["category"]) == (400, told)


def test_members_neither_see_nor_write_the_policy(
    alice: Any, auditor: Any, make_tool: Any, api_of: Any
) -> None:
    rule = ToolPolicy.objects.create(tool=make_tool(lambda call: "x"), effect="allow")
    one = f"/api/v1/tool-policies/{rule.pk}/"
    assert api_of(alice).get("/api/v1/tool-policies/").status_code == 403
    assert api_of(auditor).get(one).status_code == 200
    for person in (alice, auditor):
        assert api_of(person).post("/api/v1/tool-policies/", {"effect": "allow"}).status_code == 403
        assert api_of(person).patch(one, {"effect": "deny"}).status_code == 403
        assert api_of(person).delete(one).status_code == 403
    assert Approval.objects.count() == 0
