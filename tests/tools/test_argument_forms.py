"""The form of arguments: a widget for each simple value; what is not touched stays; faults in their place."""

from typing import Any

import pytest

from agi_site.lib.problems import Invalid
from planning import services as planning
from planning.models import PlanStepExecution
from planning.services import StepDraft
from tools import services
from tools.forms import ArgumentsForm
from tools.models import Approval, ToolExecution
from tools.registry import Parameter

pytestmark = pytest.mark.django_db

PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 10, "description": "Which <b>city</b>."},
        "floor": {"type": ["integer", "null"]},
        "kinds": {"type": "array", "items": {"enum": ["flat", "house"]}},
    },
    "required": ["city"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "many": {"anyOf": [{"type": "number"}, {"type": "null"}]},
        "sure": {"type": "boolean"},
        "level": {"enum": [1, 2, "high"]},
        "words": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "place": PLACE,
        "rest": {"type": "object", "properties": {"note": {"type": "string", "maxLength": 9}}},
        "rows": {
            "type": "array",
            "items": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
        },
    },
    "required": ["text"],
    "additionalProperties": False,
}
GIVEN: dict[str, Any] = {
    "text": "one\ntwo",
    "many": 5,
    "sure": False,
    "level": 2,
    "words": ["a", "b c"],
    "place": {"city": "Seoul", "floor": 3, "kinds": ["flat"]},
    "rows": [{"a": 1}],
}


def shown(form: ArgumentsForm) -> dict[str, Any]:
    """What a browser sends of a form that nobody has touched."""
    sent: dict[str, Any] = {}
    for field in form:
        value = field.value()
        if value is not None:
            text = value if isinstance(value, list) else str(value).replace("\n", "\r\n")
            sent[field.html_name] = text
    return sent


def filled(given: Any = None, schema: Any = SCHEMA, **changes: Any) -> ArgumentsForm:
    """The form as it comes back with some fields changed; `place__city` is `place.city`."""
    sent = shown(ArgumentsForm(schema=schema, given=given))
    sent |= {f"arg-{name.replace('__', '.')}": value for name, value in changes.items()}
    return ArgumentsForm(_data(sent), schema=schema, given=given)


def _data(sent: dict[str, Any]) -> Any:
    from django.http import QueryDict

    data = QueryDict(mutable=True)
    for name, value in sent.items():
        data.setlist(name, value if isinstance(value, list) else [value])
    return data


def arguments(form: ArgumentsForm) -> dict[str, Any]:
    assert form.is_valid(), form.errors
    return form.arguments()


def test_each_simple_value_has_a_widget_of_its_own_and_the_rest_is_json() -> None:
    form = ArgumentsForm(schema=SCHEMA, given=GIVEN)
    widgets = {name: type(field.widget).__name__ for name, field in form.fields.items()}
    assert widgets == {
        "text": "Textarea",
        "many": "NumberInput",
        "sure": "Select",
        "level": "Select",
        "words": "Textarea",
        "place.city": "TextInput",
        "place.floor": "NumberInput",
        "place.kinds": "CheckboxSelectMultiple",
        "rest.note": "TextInput",
        "rows": "Textarea",
    }
    assert form.fields["place.city"].label == "Place · City"
    assert "&lt;b&gt;" in form.fields["place.city"].help_text
    assert form.fields["words"].initial == "a\nb c"


def test_what_nobody_touched_stays_as_it_was() -> None:
    assert arguments(filled(GIVEN)) == GIVEN
    strange = {
        "text": " ",
        "words": ["two\nlines", " edge "],
        "level": 1,
        "many": 5.0,
        "place": {"city": ""},
        "rest": {},
    }
    kept = arguments(filled(strange))
    assert kept == strange
    assert isinstance(kept["many"], float)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"text": "new\r\nline"}, {"text": "new\nline"}),
        ({"many": "7"}, {"many": 7}),
        ({"many": "7.5"}, {"many": 7.5}),
        ({"sure": "true"}, {"sure": True}),
        ({"level": "high"}, {"level": "high"}),
        ({"words": "x\r\n\r\n y "}, {"words": ["x", "y"]}),
        ({"place__city": "Busan"}, {"place": {"city": "Busan", "floor": 3, "kinds": ["flat"]}}),
        ({"place__kinds": ["flat", "house"]}, {"place": GIVEN["place"] | {"kinds": ["flat", "house"]}}),
        ({"rows": '[{"a": 2}]'}, {"rows": [{"a": 2}]}),
    ],
)
def test_what_is_changed_comes_in_its_own_type(changes: dict[str, Any], says: dict[str, Any]) -> None:
    found = arguments(filled(GIVEN, **changes))
    assert found == GIVEN | says
    assert {name: type(found[name]) for name in says} == {name: type(value) for name, value in says.items()}


def test_what_is_emptied_is_left_out() -> None:
    found = arguments(filled(GIVEN, many="", sure="", level="", words="", rows=""))
    assert found == {"text": GIVEN["text"], "place": GIVEN["place"]}


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"text": ""}, "text", "This field is required."),
        ({"many": "x"}, "many", "Enter a number."),
        ({"level": "3"}, "level", "Select a valid choice"),
        ({"words": "a\nb\nc\nd"}, "words", "Must have at most 3 entries."),
        ({"place__city": "A city far away"}, "place.city", "at most 10 characters"),
        ({"place__city": ""}, "place.city", "This argument is required."),
        ({"rows": "[1,\n 2"}, "rows", "This is not JSON: look at line 2, character 3."),
        ({"rows": "{}"}, "rows", "Give a list: [ … ]."),
        ({"rows": '[{"a": 1}, {"a": "x"}]'}, "rows", "[1].a: Must be of type integer."),
        ({"rows": "[{}]"}, "rows", "[0].a: This argument is required."),
    ],
)
def test_a_fault_stands_at_its_field(changes: dict[str, Any], field: str, says: str) -> None:
    form = filled(GIVEN, **changes)
    assert not form.is_valid()
    assert list(form.errors) == [field]
    assert says in form.errors[field][0]


def test_a_broken_schema_is_left_to_who_runs_the_tool() -> None:
    broken = {"type": "object", "properties": {"text": {"type": "string", "pattern": "("}}}
    assert arguments(filled({}, broken, text="a")) == {"text": "a"}


def test_a_service_names_the_place_within_an_argument(alice: Any, make_tool: Any) -> None:
    make_tool(lambda call, **given: given, (Parameter("place", "object", "Where.", schema=PLACE),))
    with pytest.raises(Invalid) as refused:
        services.start_tool(user=alice, name="probe", arguments={"place": {"floor": "x", "door": 1}})
    assert sorted(refused.value.errors["place"]) == [
        "city: This argument is required.",
        "door: There is no such argument. Known: city, floor, kinds.",
        "floor: Must be of type integer, null.",
    ]


def test_values_without_a_schema_get_the_widgets_of_what_they_are() -> None:
    given = {
        "to": "a@b.c",
        "copies": 2,
        "urgent": True,
        "tags": ["a"],
        "at": {"x": 1.5},
        "rest": [{"a": 1}],
    }
    assert arguments(filled(given, None)) == given
    found = arguments(filled(given, None, copies="3", urgent="false", tags="a\nb", at__x="2", rest="[3]"))
    assert found == given | {"copies": 3, "urgent": False, "tags": ["a", "b"], "at": {"x": 2}, "rest": [3]}


# --- Consent -----------------------------------------------------------------
@pytest.fixture
def question(alice: Any, run_tasks: Any) -> Approval:
    """A question of a plan's step about a letter."""
    asked = {"title": "Send it?", "reason": "It goes out.", "to": "a@b.c", "copies": 2, "tags": ["x"]}
    steps = [StepDraft("ask", kind="approval", arguments=asked)]
    plan = planning.create_plan(owner=alice, title="letters", steps=steps)
    planning.start_plan(plan=plan, by=alice)
    run_tasks()
    return Approval.objects.get()


def test_what_a_plan_asks_about_is_edited_in_a_form(
    alice: Any, client_of: Any, question: Approval, run_tasks: Any
) -> None:
    client, address = client_of(alice), f"/approvals/{question.pk}/"
    page, name = client.get(address).text, f"arg-{question.pk}"
    assert all(f'name="{name}-{field}"' in page for field in ("to", "copies", "tags"))
    assert f"{name}-title" not in page
    assert "<dt>title</dt>" not in page  # it is the heading
    assert "May the plan go on?" in page
    step = PlanStepExecution.objects.get()
    assert f'href="/plans/executions/{step.execution_id}/steps/{step.pk}/"' in page
    given = {"edited": "1", f"{name}-to": "c@d.e", f"{name}-copies": "many", f"{name}-tags": "x\r\ny"}
    refused = client.post(f"{address}approve/", given)
    assert refused.status_code == 400
    assert f'id="id_{name}-copies_error"' in refused.text
    client.post(f"{address}approve/", given | {f"{name}-copies": "3"})
    run_tasks()
    agreed = {"title": "Send it?", "reason": "It goes out.", "to": "c@d.e", "copies": 3, "tags": ["x", "y"]}
    assert list(PlanStepExecution.objects.values_list("status", "output__arguments")) == [
        ("completed", agreed)
    ]


def test_a_question_about_nothing_has_no_form(alice: Any, client_of: Any) -> None:
    from tools.services.approvals import ask

    asked = ask(user=alice, target_type="plan_step_execution", target_id="1", title="Go on?",
                arguments={"title": "Go on?"})  # fmt: skip
    page = client_of(alice).get(f"/approvals/{asked.pk}/").text
    assert "Edit arguments" not in page
    assert client_of(alice).post(f"/approvals/{asked.pk}/approve/", {"edited": "1"}).status_code == 400


def test_a_call_is_agreed_to_with_parts_of_an_object_changed(
    alice: Any, client_of: Any, make_tool: Any, run_tasks: Any
) -> None:
    parameters = (
        Parameter("place", "object", "Where.", schema=PLACE),
        Parameter("code", "string", "What.", required=True),
    )
    make_tool(lambda call, **given: given, parameters, default_effect="ask")
    given = {"place": {"city": "Seoul", "kinds": ["flat"]}, "code": "a\nb"}
    services.start_tool(user=alice, name="probe", arguments=given)
    approval = Approval.objects.get()
    name = f"arg-{approval.pk}"
    sent = {"edited": "1", f"{name}-place.city": "Busan", f"{name}-place.kinds": ["house"]}
    client_of(alice).post(f"/approvals/{approval.pk}/approve/", sent | {f"{name}-code": "a\r\nb"})
    run_tasks()
    row = ToolExecution.objects.get()
    assert row.result == {"place": {"city": "Busan", "kinds": ["house"]}, "code": "a\nb"}
