"""The pages of plans: to new ones, live runs, the editor, schedules; and whose they are."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape

from agi_site.lib import engines
from agi_site.lib.engines.base import ToolCall
from agi_site.lib.engines.fake import Script
from planning import services
from planning.forms.steps import argument_value
from planning.models import Plan, PlanExecution, PlanSchedule, PlanStep
from tools import starter as tools_starter
from tools.models import Tool

HTMX = {"HTTP_HX_REQUEST": "true"}
PLAN_PAGES = [
    "detail",
    "edit",
    "delete",
    "export",
    "start",
    "runs",
    "steps",
    "step_new",
    "schedules",
    "schedule_new",
]
SUM = {"expression": "12 * 7"}


def shown(client: Client, name: str, *args: Any, **query: Any) -> str:
    response = client.get(reverse(f"planning:{name}", args=args), query)
    assert response.status_code == 200, (name, response.status_code)
    return response.content.decode()


@pytest.fixture(autouse=True)
def _tools(db: None) -> None:
    tools_starter.load()


@pytest.fixture
def plan(alice: Any) -> Plan:
    return services.create_plan(
        owner=alice,
        title="trip",
        steps=[
            services.StepDraft("sum", "Add it up", "tool", "calculator", SUM),
            services.StepDraft("bad", "Break", "tool", "calculator", {"expression": "1/0"}, ["sum"]),
            services.StepDraft("end", "Be done", depends_on=["bad"]),
        ],
    )


@pytest.fixture
def execution(alice: Any, plan: Plan, run_tasks: Any) -> PlanExecution:
    found = services.start_plan(plan=plan, by=alice)
    run_tasks()
    found.refresh_from_db()
    return found


def test_a_run_that_has_used_up_its_budget_goes_on_with_a_larger_one_by_its_page(
    alice: Any, client_of: Any, run_tasks: Any
) -> None:
    steps = [services.StepDraft(key, key, "tool", "calculator", SUM) for key in "ab"]
    found = services.start_plan(
        plan=services.create_plan(owner=alice, title="p", steps=steps), by=alice, budget={"steps": 1}
    )
    run_tasks()
    client, address = client_of(alice), reverse("planning:execution_verb", args=[found.pk, "retry"])
    page = client.get(reverse("planning:execution", args=[found.pk]))
    assert page.context["budget"]["steps"].value() == 1
    assert "retry" not in [button["verb"] for button in page.context["buttons"]]
    refused = client.post(address, {"budget-steps": "-1"})
    assert (refused.status_code, list(refused.context["budget"].errors)) == (400, ["steps"])
    assert client.post(address, {"budget-steps": "2"}).status_code == 302
    run_tasks()
    found.refresh_from_db()
    assert (found.status, found.budget) == ("completed", {"steps": 2})
    assert client.get(reverse("planning:execution", args=[found.pk])).context["budget"] is None


# --- Lists and new plans -----------------------------------------------------------------------------------
def test_plans_are_listed_searched_and_kept_by_state(alice: Any, plan: Plan, client_of: Any) -> None:
    client = client_of(alice)
    services.create_plan(owner=alice, title="garden")
    assert "trip" in shown(client, "list")
    assert "garden" in shown(client, "list")
    assert "garden" not in shown(client, "list", q="TRI")
    assert "trip" not in shown(client, "list", state="failed")
    assert "trip" not in shown(client, "list", templates="1")


def test_a_list_takes_few_queries(alice: Any, client_of: Any, django_assert_max_num_queries: Any) -> None:
    client = client_of(alice)
    for number in range(30):
        services.create_plan(owner=alice, title=f"plan {number}")
    with django_assert_max_num_queries(6):
        shown(client, "list")


def test_a_template_becomes_a_plan_with_one_click(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    assert "Brief with sources" in shown(client, "new")
    response = client.post(reverse("planning:from_starter", args=["brief"]))
    made = Plan.objects.get()
    assert response.url == reverse("planning:detail", args=[made.pk])
    assert made.steps.count() == 4
    assert client.post(reverse("planning:from_starter", args=["nothing"])).status_code == 404


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_template_is_sound_in_both_languages(alice: Any, language: str) -> None:
    from planning import starters

    for template in starters.templates(language):
        services.import_document(owner=alice, document=template.document)
    assert Plan.objects.count() == 5


def test_a_blank_plan_and_one_from_json(alice: Any, client_of: Any) -> None:
    client = client_of(alice)
    client.post(reverse("planning:blank"), {"title": "mine", "inputs": "city = Seoul\ndays = 3\nwho"})
    assert Plan.objects.get().inputs == {"city": "Seoul", "days": 3, "who": None}
    text = '{"title": "from json", "steps": [{"key": "a"}, {"key": "b", "depends_on": ["a"]}]}'
    client.post(reverse("planning:from_json"), {"text": text})
    assert Plan.objects.get(title="from json").steps.count() == 2
    for wrong in ("{", "[]", '{"title": "x", "steps": [{"key": "a", "depends_on": ["b"]}]}'):
        assert client.post(reverse("planning:from_json"), {"text": wrong}).status_code == 400


# --- Proposals ----------------------------------------------------------------------------------------------
def proposed(**step: Any) -> Script:
    steps = [{"key": "sum-it", "description": "Add", "tool": "calculator", "arguments": SUM, **step}]
    return Script(calls=[ToolCall("1", "run_plan", {"title": "Sums", "steps": steps})])


def test_a_goal_is_answered_by_a_proposal_that_is_kept_on_consent(
    alice: Any, client_of: Any, run_tasks: Any
) -> None:
    client = client_of(alice)
    engines.chat().script(proposed())  # type: ignore[attr-defined]
    client.post(reverse("planning:goal"), {"goal": "add it up"})
    plan = Plan.objects.get()
    assert "being proposed" in shown(client, "detail", plan.pk)
    run_tasks()
    assert "Accept" in shown(client, "detail", plan.pk)
    assert engines.chat().requests[-1].tool_choice == "run_plan"  # type: ignore[attr-defined]
    assert not PlanStep.objects.exists()
    client.post(reverse("planning:proposal_verb", args=[plan.pk, "accept"]))
    plan.refresh_from_db()
    assert (plan.title, plan.draft, plan.steps.get().key) == ("Sums", None, "sum_it")


def test_a_model_that_errs_is_shown_its_faults_once(alice: Any, run_tasks: Any) -> None:
    engines.chat().script(proposed(tool="no_such"), proposed())  # type: ignore[attr-defined]
    plan = services.propose_plan(owner=alice, goal="add it up")
    run_tasks()
    plan.refresh_from_db()
    assert plan.draft["state"] == "ready"
    assert "no_such" in engines.chat().requests[-1].messages[-2].content  # type: ignore[attr-defined]


def test_words_without_steps_are_told_what_to_do(alice: Any, client_of: Any, run_tasks: Any) -> None:
    plan = services.propose_plan(owner=alice, goal="be happy")
    run_tasks()
    assert "No steps were found" in shown(client_of(alice), "detail", plan.pk)


# --- A plan and its runs ------------------------------------------------------------------------------------
def test_a_plan_shows_its_graph_and_a_list_that_says_the_same(alice: Any, plan: Plan, client_of: Any) -> None:
    text = shown(client_of(alice), "detail", plan.pk)
    assert text.count('class="graph-box') == 3
    assert 'aria-hidden="true"' in text
    for word in ("Add it up", "Break", "Be done"):
        assert word in text


def test_a_run_shows_states_by_colour_sign_and_word(alice: Any, execution: Any, client_of: Any) -> None:
    text = shown(client_of(alice), "execution", execution.pk)
    assert execution.status == "failed"
    assert 'data-state="completed"' in text
    assert 'data-state="skipped"' in text
    assert "#check" in text
    assert "failed" in text
    assert "Go on from the failed steps" in text
    only = shown(client_of(alice), "execution", execution.pk, state="failed")
    assert only.count('class="step-line"') == 1


def test_a_run_page_takes_few_queries_however_many_steps(
    alice: Any, client_of: Any, run_tasks: Any, django_assert_max_num_queries: Any
) -> None:
    steps = [services.StepDraft(f"s{number}") for number in range(120)]
    plan = services.create_plan(owner=alice, title="wide", steps=steps)
    run = services.start_plan(plan=plan, by=alice)
    run_tasks()
    client = client_of(alice)
    with django_assert_max_num_queries(14):
        shown(client, "execution", run.pk)
    with django_assert_max_num_queries(16):
        shown(client, "detail", plan.pk)


def test_a_step_shows_what_went_wrong_and_can_be_skipped(
    alice: Any, execution: Any, client_of: Any, run_tasks: Any
) -> None:
    client = client_of(alice)
    bad = execution.steps.get(key="bad")
    text = shown(client, "execution_step", execution.pk, bad.pk)
    assert "Skip this step" in text
    assert "1/0" in text
    address = reverse("planning:execution_step_skip", args=[execution.pk, bad.pk])
    client.post(address, {"reason": "not needed"})
    run_tasks()
    execution.refresh_from_db()
    assert (execution.status, execution.steps.get(key="end").status) == ("completed", "completed")


def test_inputs_are_asked_for_before_a_run(alice: Any, client_of: Any) -> None:
    plan = services.create_plan(
        owner=alice,
        title="asks",
        inputs={"city": None, "days": 3},
        steps=[services.StepDraft("a", kind="prompt", arguments={"prompt": "{{ inputs.city }}"})],
    )
    client = client_of(alice)
    address = reverse("planning:start", args=[plan.pk])
    assert "city" in shown(client, "start", plan.pk)
    assert client.post(address, {}).status_code == 400
    assert not PlanExecution.objects.exists()
    client.post(address, {"input-city": "Seoul", "input-days": "5", "budget-steps": "10"})
    run = PlanExecution.objects.get()
    assert (run.inputs, run.budget) == ({"city": "Seoul", "days": 5}, {"steps": 10})


def test_two_runs_are_shown_beside_each_other(alice: Any, plan: Plan, client_of: Any, run_tasks: Any) -> None:
    runs = [services.start_plan(plan=plan, by=alice) for _number in range(2)]
    run_tasks()
    client = client_of(alice)
    assert "Compare two runs" in shown(client, "runs", plan.pk)
    text = shown(client, "diff", plan.pk, run=[run.pk for run in runs])
    assert "Two runs beside each other" in text
    assert client.get(reverse("planning:diff", args=[plan.pk])).status_code == 302


def test_a_plan_without_steps_is_not_offered_to_be_started(alice: Any, client_of: Any) -> None:
    empty = services.create_plan(owner=alice, title="empty")
    text = shown(client_of(alice), "start", empty.pk)
    assert "This plan has no steps yet." in text
    assert "going by" not in text
    assert "guess" not in text
    assert '<button class="button button-primary" type="submit"' not in text


# --- The editor ---------------------------------------------------------------------------------------------
def test_a_step_is_added_by_a_form_made_from_the_tool(alice: Any, plan: Plan, client_of: Any) -> None:
    client = client_of(alice)
    address = reverse("planning:step_new", args=[plan.pk]) + "?kind=tool"
    chosen = client.post(address, {"tool_name": "knowledge_search", "choose": "1"})
    assert "argument-query" in chosen.content.decode()
    given = {
        "tool_name": "knowledge_search",
        "description": "Look",
        "argument-query": "holidays",
        "argument-limit": "3",
        "depends_on": ["sum"],
        "on_failure": "stop",
    }
    assert client.post(address, given).status_code == 302
    step = plan.steps.last()
    assert (step.key, step.arguments) == ("step_4", {"query": "holidays", "limit": 3})
    wrong = client.post(address, given | {"argument-limit": "99"})
    assert wrong.status_code == 400
    assert "at most 20" in wrong.content.decode()


def test_a_tool_and_its_arguments_are_described_in_the_reader_s_language(
    alice: Any, plan: Plan, client_of: Any
) -> None:
    address = reverse("planning:step_new", args=[plan.pk])
    page = client_of(alice).get(address, {"kind": "tool", "tool": "calculator"}, HTTP_ACCEPT_LANGUAGE="ko")
    tool = Tool.objects.with_parameters().get(name="calculator")
    for described in (tool.description, tool.parameters.get().description):
        with translation.override("ko"):
            assert escape(translation.gettext(described)) in page.content.decode()
        assert escape(described) not in page.content.decode()


def test_a_ring_is_told_on_the_form(alice: Any, plan: Plan, client_of: Any) -> None:
    first = plan.steps.get(key="sum")
    given = {
        "key": "sum",
        "tool_name": "calculator",
        "argument-expression": "1",
        "depends_on": ["end"],
        "on_failure": "stop",
    }
    answer = client_of(alice).post(reverse("planning:step", args=[plan.pk, first.pk]), given)
    assert answer.status_code == 400
    assert "wait for each other" in answer.content.decode()


def test_the_order_is_changed_by_buttons_and_by_dragging(alice: Any, plan: Plan, client_of: Any) -> None:
    client = client_of(alice)
    ids = list(plan.steps.order_by("order_index").values_list("pk", flat=True))
    assert client.post(reverse("planning:step_move", args=[plan.pk, ids[0], "down"])).status_code == 302
    client.post(reverse("planning:step_order", args=[plan.pk]), {"steps": ids[::-1]}, **HTMX)
    assert list(plan.steps.order_by("order_index").values_list("pk", flat=True)) == ids[::-1]
    client.post(reverse("planning:step_remove", args=[plan.pk, ids[1]]))
    assert plan.steps.count() == 2


def test_json_nested_without_end_is_told_at_its_field(alice: Any, plan: Plan, client_of: Any) -> None:
    deep = "[" * 90_000
    for kind in ("number", "array", "object"):
        with pytest.raises(ValueError, match=r"JSON|number"):
            argument_value(deep, {"type": kind})
    given = {"kind": "plan", "key": "deep", "on_failure": "stop", "inputs": deep}
    answer = client_of(alice).post(reverse("planning:step_new", args=[plan.pk]) + "?kind=plan", given)
    assert answer.status_code == 400
    assert "A JSON object is expected." in answer.content.decode()


def test_an_order_of_numbers_without_end_is_refused(alice: Any, plan: Plan, client_of: Any) -> None:
    address = reverse("planning:step_order", args=[plan.pk])
    assert client_of(alice).post(address, {"steps": ["9" * 5000]}).status_code == 302
    assert plan.steps.count() == 3


def test_an_order_of_steps_that_have_changed_meanwhile_says_so(
    alice: Any, plan: Plan, client_of: Any
) -> None:
    ids = list(plan.steps.order_by("order_index").values_list("pk", flat=True))
    address = reverse("planning:step_order", args=[plan.pk])
    refused = client_of(alice).post(address, {"steps": ids[:2]}, **HTMX)
    assert refused.status_code == 409
    assert "changed meanwhile" in refused.content.decode()


def test_a_budget_that_is_emptied_sets_no_bound(alice: Any, plan: Plan, client_of: Any) -> None:
    Plan.objects.filter(pk=plan.pk).update(budget={"steps": 1})
    empty = {"input-city": "Seoul", "input-days": "5", "budget-steps": ""}
    client_of(alice).post(reverse("planning:start", args=[plan.pk]), empty)
    assert PlanExecution.objects.get().budget is None
    services.start_plan(plan=Plan.objects.get(), by=alice, inputs={"city": "Seoul"})
    assert PlanExecution.objects.order_by("pk").last().budget == {"steps": 1}


def test_a_plan_s_own_budget_is_edited_with_its_other_properties(
    alice: Any, bob: Any, plan: Plan, client_of: Any
) -> None:
    Plan.objects.filter(pk=plan.pk).update(budget={"seconds": 90.5})
    client, address = client_of(alice), reverse("planning:edit", args=[plan.pk])
    page = client.get(address).content.decode()
    assert all(f'name="budget-{name}"' in page for name in ("steps", "seconds", "tokens", "sandbox_seconds"))
    assert 'value="90.5"' in page
    given = {"title": "Trip", "budget-steps": "20", "budget-seconds": "90.5", "budget-tokens": ""}
    assert client.post(address, given).status_code == 302
    plan.refresh_from_db()
    assert (plan.title, plan.budget) == ("Trip", {"steps": 20, "seconds": 90.5})
    assert 'value="20"' in client.get(reverse("planning:start", args=[plan.pk])).content.decode()
    for wrong in ("0", "-1", "1e13", "many", "nan"):
        refused = client.post(address, given | {"budget-tokens": wrong})
        assert (refused.status_code, "<details open>" in refused.content.decode()) == (400, True), wrong
    assert client.post(address, {"title": "Trip"}).status_code == 302
    plan.refresh_from_db()
    assert plan.budget is None
    assert client_of(bob).post(address, given).status_code == 404


# --- Schedules ----------------------------------------------------------------------------------------------
def test_a_schedule_is_made_held_and_forgotten(alice: Any, plan: Plan, client_of: Any) -> None:
    client = client_of(alice)
    given = {"rhythm": "weekdays", "at": "07:30", "time_zone": "Asia/Seoul"}
    assert client.post(reverse("planning:schedule_new", args=[plan.pk]), given).status_code == 302
    row = PlanSchedule.objects.get()
    assert (row.cron, row.time_zone) == ("30 7 * * 1-5", "Asia/Seoul")
    assert "30 7 * * 1-5" in shown(client, "schedules", plan.pk)
    assert "07:30" in shown(client, "schedule", plan.pk, row.pk)
    client.post(reverse("planning:schedule_verb", args=[plan.pk, row.pk, "disable"]))
    assert not PlanSchedule.objects.get().enabled
    wrong = given | {"rhythm": "cron", "cron": "often"}
    assert client.post(reverse("planning:schedule_new", args=[plan.pk]), wrong).status_code == 400
    client.post(reverse("planning:schedule_verb", args=[plan.pk, row.pk, "delete"]))
    assert not PlanSchedule.objects.exists()


# --- Whose --------------------------------------------------------------------------------------------------
def test_plans_of_others_do_not_exist(bob: Any, execution: Any, client_of: Any) -> None:
    client, plan = client_of(bob), execution.plan
    step, ran = plan.steps.first(), execution.steps.first()
    addresses = [
        *(reverse(f"planning:{name}", args=[plan.pk]) for name in PLAN_PAGES),
        reverse("planning:step", args=[plan.pk, step.pk]),
        reverse("planning:execution", args=[execution.pk]),
        reverse("planning:execution_step", args=[execution.pk, ran.pk]),
        reverse("planning:diff", args=[plan.pk]),
    ]
    assert [client.get(address).status_code for address in addresses] == [404] * len(addresses)
    for address in (
        reverse("planning:duplicate", args=[plan.pk]),
        reverse("planning:step_remove", args=[plan.pk, step.pk]),
        reverse("planning:execution_verb", args=[execution.pk, "retry"]),
        reverse("planning:execution_step_skip", args=[execution.pk, ran.pk]),
    ):
        assert client.post(address, {"reason": "x"}).status_code == 404


def test_every_page_of_a_plan_opens_in_korean(alice: Any, execution: Any, client_of: Any) -> None:
    client = client_of(alice)
    for name in PLAN_PAGES:
        response = client.get(
            reverse(f"planning:{name}", args=[execution.plan_id]), HTTP_ACCEPT_LANGUAGE="ko"
        )
        assert response.status_code == 200, name


def test_text_of_several_lines_ends_its_lines_as_programs_expect(
    alice: Any, plan: Plan, client_of: Any
) -> None:
    client = client_of(alice)
    address = reverse("planning:step_new", args=[plan.pk]) + "?kind=tool"
    given = {"tool_name": "calculator", "argument-expression": "1 +\r\n1", "on_failure": "stop"}
    client.post(address, given)
    assert plan.steps.last().arguments == {"expression": "1 +\n1"}
    Plan.objects.filter(pk=plan.pk).update(inputs={"days": 5, "note": None})
    client.post(reverse("planning:start", args=[plan.pk]), {"input-note": "a\r\nb", "input-days": "5"})
    assert PlanExecution.objects.get().inputs["note"] == "a\nb"


@pytest.mark.parametrize(
    ("kind", "before", "sent", "after"),
    [
        ("prompt", {"prompt": "a", "system": "s"}, {"argument-prompt": "b"}, {"prompt": "b", "system": "s"}),
        (
            "approval",
            {"title": "Send?", "to": "x"},
            {"argument-title": "Send it?", "also": '{"to": "y"}'},
            {"title": "Send it?", "to": "y"},
        ),
    ],
)
def test_a_step_keeps_what_programs_have_given_it_beside_its_fields(
    alice: Any, client_of: Any, kind: str, before: Any, sent: Any, after: Any
) -> None:
    steps = [services.StepDraft("a", kind=kind, arguments=before)]
    plan = services.create_plan(owner=alice, title="plan", steps=steps)
    address = reverse("planning:step", args=[plan.pk, plan.steps.get().pk])
    assert client_of(alice).post(address, sent | {"key": "a", "on_failure": "stop"}).status_code == 302
    assert plan.steps.get().arguments == after


def test_what_is_shown_with_a_question_has_to_be_an_object(alice: Any, plan: Plan, client_of: Any) -> None:
    given = {"argument-title": "Go on?", "also": "[1]", "on_failure": "stop"}
    answer = client_of(alice).post(reverse("planning:step_new", args=[plan.pk]) + "?kind=approval", given)
    assert answer.status_code == 400
    assert list(answer.context["form"].errors) == ["also"]
