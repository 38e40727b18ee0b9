"""The pages of tools: catalogue, trying one, what was run, consent, rules."""

import json
from typing import Any

import pytest
from django.utils import timezone, translation
from django.utils.html import escape

from tools import registry, services
from tools.models import Approval, Tool, ToolExecution, ToolPolicy
from tools.registry import Parameter, ToolContext, tool

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def every_type() -> Any:
    """A tool with a parameter of each type."""

    @tool(
        "every_type",
        category="testing",
        description="Takes everything.",
        parameters=[
            Parameter("text", "string", "Some text.", required=True, schema={"maxLength": 40}),
            Parameter("count", "integer", "How many.", default=3, schema={"minimum": 1, "maximum": 9}),
            Parameter("ratio", "number", "How much."),
            Parameter("loud", "boolean", "Whether."),
            Parameter("colour", "enum", "Which.", enum=["red", "blue"], default="blue"),
            Parameter("level", "integer", "One of few.", schema={"enum": [1, 2]}),
            Parameter("words", "array", "A list of words.", schema={"items": {"type": "string"}}),
            Parameter("rows", "array", "Objects.", schema={"items": {"type": "object"}}),
            Parameter("extra", "object", "More."),
        ],
    )
    def run(call: ToolContext, **arguments: Any) -> dict[str, Any]:
        return arguments

    services.sync_registry()
    yield Tool.objects.get(name="every_type")
    registry.unregister("every_type")


@pytest.fixture
def asking(every_type: Tool) -> Tool:
    """The same tool, behind a rule that asks first."""
    ToolPolicy.objects.create(tool=every_type, effect="ask", reason="It is loud.")
    return every_type


def asked(user: Any, tool: Tool, **arguments: Any) -> Approval:
    execution = services.start_tool(user=user, name=tool.name, arguments={"text": "hi"} | arguments)
    return Approval.objects.get(target_id=execution.pk)


# --- Catalogue ---------------------------------------------------------------
@pytest.mark.parametrize("name", ["calculator", "current_time"])
def test_a_tool_is_described_in_the_readers_language(alice: Any, client_of: Any, name: str) -> None:
    services.sync_registry()
    page = client_of(alice).get("/tools/", {"q": name}, HTTP_ACCEPT_LANGUAGE="ko").content.decode()
    described = Tool.objects.get(name=name).description
    with translation.override("ko"):
        assert escape(translation.gettext(described)) in page
    assert escape(described) not in page


def test_the_catalogue_finds_by_words_category_source_and_state(
    alice: Any, client_of: Any, every_type: Tool
) -> None:
    client = client_of(alice)
    for query in ("?q=every", "?category=testing", "?source=program", "?state=on", "?q=takes"):
        assert "every_type" in client.get(f"/tools/{query}").text
    for query in ("?q=nothing-like-it", "?category=time", "?source=mcp", "?state=off"):
        assert "every_type" not in client.get(f"/tools/{query}").text


def test_the_catalogue_says_what_one_may(alice: Any, client_of: Any, asking: Tool) -> None:
    assert "asks first" in client_of(alice).get("/tools/?q=every_type").text


def test_the_catalogue_costs_the_same_for_any_number_of_tools(
    alice: Any, client_of: Any, every_type: Tool, django_assert_max_num_queries: Any
) -> None:
    client = client_of(alice)
    client.get("/tools/")
    with django_assert_max_num_queries(12):
        client.get("/tools/")


# --- Trying a tool -----------------------------------------------------------
def test_the_form_has_a_field_for_each_type_with_its_default(
    alice: Any, client_of: Any, every_type: Tool
) -> None:
    page = client_of(alice).get(f"/tools/{every_type.pk}/").text
    for name in ("text", "count", "ratio", "loud", "colour", "words", "rows", "extra"):
        assert f'name="arg-{name}"' in page
    assert 'value="3"' in page
    assert '<option value="blue" selected>' in page


def test_a_tool_is_run_from_its_form(alice: Any, client_of: Any, every_type: Tool, run_tasks: Any) -> None:
    given = {
        "arg-text": "hello",
        "arg-count": "5",
        "arg-ratio": "0.5",
        "arg-loud": "true",
        "arg-colour": "red",
        "arg-level": "2",
        "arg-words": "one\ntwo\n",
        "arg-rows": '[{"a": 1}]',
        "arg-extra": '{"b": [2]}',
    }
    answer = client_of(alice).post(f"/tools/{every_type.pk}/", given)
    execution = ToolExecution.objects.get()
    assert answer.headers["Location"] == f"/tools/executions/{execution.pk}/"
    run_tasks()
    execution.refresh_from_db()
    assert execution.result == {
        "text": "hello",
        "count": 5,
        "ratio": 0.5,
        "loud": True,
        "colour": "red",
        "level": 2,
        "words": ["one", "two"],
        "rows": [{"a": 1}],
        "extra": {"b": [2]},
    }
    assert "hello" in client_of(alice).get(f"/tools/executions/{execution.pk}/").text


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("text", "", "required"),
        ("text", "x" * 41, "40"),
        ("count", "12", "9"),
        ("count", "many", "whole number"),
        ("rows", "{]", "not JSON"),
        ("rows", "{}", "Give a list"),
        ("extra", "[]", "Give an object"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(
    alice: Any, client_of: Any, every_type: Tool, field: str, value: str, says: str
) -> None:
    answer = client_of(alice).post(f"/tools/{every_type.pk}/", {"arg-text": "ok", f"arg-{field}": value})
    assert answer.status_code == 400
    assert says in answer.text
    assert f'id="id_arg-{field}_error"' in answer.text or "errorlist" in answer.text
    assert not ToolExecution.objects.exists()


def test_with_htmx_the_run_comes_as_a_part(alice: Any, client_of: Any, every_type: Tool) -> None:
    answer = client_of(alice).post(f"/tools/{every_type.pk}/", {"arg-text": "ok"}, headers=HTMX)
    execution = ToolExecution.objects.get()
    assert f'data-events="/events/tool-executions/{execution.pk}/"' in answer.text
    assert "<html" not in answer.text


def test_arguments_of_an_earlier_run_can_be_changed_and_run_again(
    alice: Any, bob: Any, client_of: Any, every_type: Tool
) -> None:
    execution = services.start_tool(user=alice, name="every_type", arguments={"text": "again please"})
    address = f"/tools/{every_type.pk}/?again={execution.pk}"
    assert "again please" in client_of(alice).get(address).text
    assert "again please" not in client_of(bob).get(address).text


def test_only_operators_switch_tools(alice: Any, operator: Any, client_of: Any, every_type: Tool) -> None:
    address = f"/tools/{every_type.pk}/switch/"
    assert client_of(alice).post(address, {"enabled": "0"}).status_code == 403
    client_of(operator).post(address, {"enabled": "0"})
    every_type.refresh_from_db()
    assert every_type.enabled is False
    assert "switched off" in client_of(alice).get(f"/tools/{every_type.pk}/").text


# --- Runs --------------------------------------------------------------------
def test_runs_are_listed_with_filters_and_shown_to_their_person_only(
    alice: Any, bob: Any, client_of: Any, every_type: Tool, run_tasks: Any
) -> None:
    execution = services.start_tool(user=alice, name="every_type", arguments={"text": "mine"})
    run_tasks()
    client = client_of(alice)
    assert "every_type" in client.get("/tools/executions/?status=completed&tool=every_type").text
    assert str(execution.pk) not in client.get("/tools/executions/?status=failed").text
    assert str(execution.pk) not in client_of(bob).get("/tools/executions/").text
    for path in ("", "cancel/", "repeat/", "result/"):
        method = client_of(bob).get if path in ("", "result/") else client_of(bob).post
        assert method(f"/tools/executions/{execution.pk}/{path}").status_code == 404


def test_the_history_costs_the_same_for_any_number_of_runs(
    alice: Any, client_of: Any, every_type: Tool, django_assert_max_num_queries: Any
) -> None:
    client = client_of(alice)
    for number in range(12):
        services.start_tool(user=alice, name="every_type", arguments={"text": str(number)})
    client.get("/tools/executions/")
    with django_assert_max_num_queries(7):
        client.get("/tools/executions/")


def test_a_run_tells_its_policy_and_gives_its_result(
    alice: Any, client_of: Any, every_type: Tool, run_tasks: Any
) -> None:
    ToolPolicy.objects.create(tool=every_type, effect="allow", reason="It does no harm.")
    execution = services.start_tool(user=alice, name="every_type", arguments={"text": "x"})
    run_tasks()
    page = client_of(alice).get(f"/tools/executions/{execution.pk}/").text
    assert "It does no harm." in page
    assert (
        json.loads(client_of(alice).get(f"/tools/executions/{execution.pk}/result/").content)["text"] == "x"
    )


def test_a_run_that_waits_can_be_canceled(alice: Any, client_of: Any, asking: Tool) -> None:
    approval = asked(alice, asking)
    client_of(alice).post(f"/tools/executions/{approval.target_id}/cancel/")
    execution = ToolExecution.objects.get(pk=approval.target_id)
    assert (execution.status, execution.error_code) == ("failed", "canceled")
    assert "stopped" in client_of(alice).get(f"/tools/executions/{execution.pk}/").text


# --- Consent -----------------------------------------------------------------
def test_the_inbox_shows_what_waits_and_counts_it(alice: Any, bob: Any, client_of: Any, asking: Tool) -> None:
    asked(alice, asking, colour="red")
    page = client_of(alice).get("/approvals/").text
    assert "every_type" in page
    assert "It is loud." in page
    assert ">1<" in client_of(alice).get("/approvals/count/").text
    assert "every_type" not in client_of(bob).get("/approvals/").text
    assert "nav-count" not in client_of(bob).get("/approvals/count/").text


def test_consent_is_given_with_a_plain_form(alice: Any, client_of: Any, asking: Tool, run_tasks: Any) -> None:
    approval = asked(alice, asking)
    answer = client_of(alice).post(f"/approvals/{approval.pk}/approve/", {"next": "/conversations/"})
    assert answer.headers["Location"] == "/conversations/"
    run_tasks()
    assert ToolExecution.objects.get().status == "completed"
    assert "every_type" in client_of(alice).get("/approvals/?decided").text


def test_a_way_on_to_another_site_is_not_taken(alice: Any, client_of: Any, asking: Tool) -> None:
    approval = asked(alice, asking)
    answer = client_of(alice).post(f"/approvals/{approval.pk}/approve/", {"next": "https://evil.example/"})
    assert answer.headers["Location"] == "/approvals/"


def test_arguments_are_edited_before_consent(
    alice: Any, client_of: Any, asking: Tool, run_tasks: Any
) -> None:
    approval = asked(alice, asking, count=9)
    name = f"arg-{approval.pk}"
    wrong = client_of(alice).post(
        f"/approvals/{approval.pk}/approve/", {"edited": "1", f"{name}-text": "hi", f"{name}-count": "99"}
    )
    assert wrong.status_code == 400
    right = {"edited": "1", f"{name}-text": "hi", f"{name}-count": "2"}
    client_of(alice).post(f"/approvals/{approval.pk}/approve/", right)
    run_tasks()
    assert ToolExecution.objects.get().result["count"] == 2


def test_with_htmx_the_question_comes_back_answered(alice: Any, client_of: Any, asking: Tool) -> None:
    approval = asked(alice, asking)
    given = {"note": "Not today"}
    answer = client_of(alice).post(f"/approvals/{approval.pk}/reject/", given, headers=HTMX)
    assert "Not today" in answer.text
    assert answer.headers["HX-Trigger"] == "approvals-changed"
    assert ToolExecution.objects.get().error_code == "rejected"


def test_a_question_is_handed_on(alice: Any, bob: Any, client_of: Any, asking: Tool) -> None:
    approval = asked(alice, asking)
    address = f"/approvals/{approval.pk}/delegate/"
    assert "nobody of this name" in client_of(alice).post(address, {"username": "nobody"}).text
    client_of(alice).post(address, {"username": bob.username})
    assert "every_type" in client_of(bob).get("/approvals/").text
    assert "Bob decides this." in client_of(alice).get(f"/approvals/{approval.pk}/").text
    client_of(bob).post(f"/approvals/{approval.pk}/approve/")
    approval.refresh_from_db()
    assert (approval.status, approval.decided_by) == ("approved", bob)


def test_others_see_no_question_and_nobody_decides_too_late(
    alice: Any, bob: Any, client_of: Any, asking: Tool
) -> None:
    approval = asked(alice, asking)
    for verb in ("approve", "reject", "delegate"):
        assert client_of(bob).post(f"/approvals/{approval.pk}/{verb}/").status_code == 404
    Approval.objects.update(expires_at=timezone.now())
    answer = client_of(alice).post(f"/approvals/{approval.pk}/approve/", headers=HTMX)
    assert answer.status_code == 409
    assert ToolExecution.objects.get().status == "pending"


def test_what_an_operator_decides_is_in_the_operators_inbox(
    alice: Any, operator: Any, client_of: Any, every_type: Tool
) -> None:
    ToolPolicy.objects.create(tool=every_type, effect="ask", approver="operator")
    approval = asked(alice, every_type)
    assert "An operator decides this." in client_of(alice).get(f"/approvals/{approval.pk}/").text
    assert client_of(alice).post(f"/approvals/{approval.pk}/approve/").status_code in (302, 403)
    assert "every_type" in client_of(operator).get("/approvals/").text
    client_of(operator).post(f"/approvals/{approval.pk}/approve/")
    approval.refresh_from_db()
    assert approval.status == "approved"


def test_the_inbox_costs_the_same_for_any_number_of_questions(
    alice: Any, client_of: Any, asking: Tool, django_assert_max_num_queries: Any
) -> None:
    for number in range(8):
        asked(alice, asking, text=str(number))
    client = client_of(alice)
    client.get("/approvals/")
    with django_assert_max_num_queries(8):
        client.get("/approvals/")


# --- Rules -------------------------------------------------------------------
def test_operators_make_change_and_remove_rules(operator: Any, client_of: Any, every_type: Tool) -> None:
    client = client_of(operator)
    given = {
        "tool": every_type.pk,
        "effect": "ask",
        "approver": "self",
        "unattended": "deny",
        "reason": "Look.",
    }
    client.post("/tools/rules/new/", given)
    rule = ToolPolicy.objects.get(tool=every_type)
    assert (rule.effect, rule.created_by) == ("ask", operator)
    client.post(f"/tools/rules/{rule.pk}/", given | {"effect": "deny"})
    rule.refresh_from_db()
    assert rule.effect == "deny"
    assert "Look." in client.get("/tools/rules/").text
    client.post(f"/tools/rules/{rule.pk}/remove/")
    assert not ToolPolicy.objects.filter(pk=rule.pk).exists()


def test_a_rule_that_contradicts_itself_is_refused_at_its_fields(
    operator: Any, client_of: Any, every_type: Tool
) -> None:
    given = {
        "tool": every_type.pk,
        "category": "testing",
        "effect": "ask",
        "approver": "self",
        "unattended": "deny",
    }
    answer = client_of(operator).post("/tools/rules/new/", given)
    assert answer.status_code == 400
    assert "Name a tool or a category, not both." in answer.text


def test_why_names_the_rule_that_decides(alice: Any, operator: Any, client_of: Any, asking: Tool) -> None:
    page = client_of(operator).get(f"/tools/rules/?tool=every_type&username={alice.username}").text
    assert "asks first" in page
    assert "It is loud." in page
    assert "nobody of this name" in client_of(operator).get("/tools/rules/?tool=every_type&username=x").text


@pytest.mark.parametrize("path", ["", "new/"])
def test_rules_are_for_operators(alice: Any, client_of: Any, path: str) -> None:
    assert client_of(alice).get(f"/tools/rules/{path}").status_code == 403
