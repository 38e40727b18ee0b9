"""Transfers: what one domain knows put to use in another, measured before, without mappings and after."""

from typing import Any

import pytest

from agi_site.lib.problems import Forbidden, Invalid
from knowledge import services as knowledge
from transfer import services
from transfer.carrying import Bridge, Lexicon
from transfer.concepts import Concept
from transfer.models import KnowledgeMapping, TransferTask

from .conftest import CLINIC, SHOP

pytestmark = pytest.mark.django_db(transaction=True)


def mapping(source: str, target: str) -> KnowledgeMapping:
    return KnowledgeMapping(source_concept=source, target_concept=target, confidence=1)


@pytest.fixture
def mapped(shop: Any, clinic: Any, operator: Any) -> None:
    for source, target in (("Customer", "Client"), ("Order", "Appointment"), ("phone number", "telephone")):
        services.add_mapping(
            by=operator,
            source_domain="shop",
            source_concept=source,
            target_domain="clinic",
            target_concept=target,
        )


def test_concepts_are_found_in_a_text_the_longest_name_first() -> None:
    found = Lexicon([Concept("Order"), Concept("phone_number"), Concept("phone"), Concept("고객")])
    text = "Two orders, one Phone Number; 고객은 왕."
    names = [(one.concept, text[one.start : one.end]) for one in found.mentions(text)]
    assert names == [("Order", "orders"), ("phone_number", "Phone Number"), ("고객", "고객은")]


def test_a_question_is_widened_and_a_rule_reworded() -> None:
    bridge = Bridge(SHOP, CLINIC, [mapping("Customer", "Client"), mapping("Order", "Appointment")])
    wide, added = bridge.widened("May a client cancel an appointment?")
    assert wide.startswith("May a client cancel an appointment? customer")
    assert {(pair["target"], pair["source"]) for pair in added} == {
        ("Client", "Customer"),
        ("Appointment", "Order"),
    }
    text, put, missing = bridge.reworded("Ask the customer for a phone number before the order.")
    assert text == "Ask the client for a phone number before the appointment."
    assert [pair["target"] for pair in put] == ["Client", "Appointment"]
    assert missing == ["phone number"]


def test_answers_are_measured_before_without_mappings_and_after(
    mapped: None, shop: Any, clinic: Any, operator: Any, run_tasks: Any
) -> None:
    knowledge.add_knowledge(
        author=operator,
        title="Cancelling",
        content="A customer may cancel an order until noon.",
        tags=["shop"],
    )
    knowledge.add_knowledge(
        author=operator, title="Parking", content="Cars stand behind the house.", tags=["clinic"]
    )
    run_tasks()
    questions = [
        {"question": "telephone of appointment", "expected": ["Cancelling"]},
        {"question": "parking cars", "expected": "Parking"},
        {"question": "unmeasured"},
    ]
    task = services.start_transfer(
        by=operator, task_type="answer", source=shop, target=clinic, parameters={"questions": questions}
    )
    run_tasks()
    task.refresh_from_db()
    assert (task.status, task.error_message) == ("completed", None)
    figures = {row.metric_name: float(row.metric_value) for row in task.metrics.all()}
    assert set(figures) == {
        f"{name}.{arm}" for name in ("recall", "mrr") for arm in ("before", "control", "after")
    }
    assert figures["recall.after"] == 1.0
    assert figures["recall.before"] < 1.0
    assert figures["recall.after"] >= figures["recall.control"]
    assert task.result["mappings"] == 3
    assert task.result["rows"][0]["added"]
    compared = {one["measure"]: one for one in services.compared(list(task.metrics.all()))}
    assert compared["recall"]["gain"] == pytest.approx(figures["recall.after"] - figures["recall.control"])


def test_labels_of_examples_are_carried_over(
    mapped: None, shop: Any, clinic: Any, operator: Any, run_tasks: Any
) -> None:
    examples = [{"text": "zebra giraffe", "label": "Order"}, {"text": "violin cello", "label": "Customer"}]
    items = [
        {"text": "zebra giraffe", "expected": "Appointment"},
        {"text": "violin cello", "expected": "Client"},
    ]
    task = services.start_transfer(
        by=operator,
        task_type="label",
        source=shop,
        target=clinic,
        parameters={"items": items, "examples": examples},
    )
    run_tasks()
    task.refresh_from_db()
    figures = {row.metric_name: float(row.metric_value) for row in task.metrics.all()}
    assert figures["accuracy.after"] == 1.0
    assert set(figures) == {"accuracy.before", "accuracy.control", "accuracy.after"}


def test_rules_tools_and_intents_are_carried_over(
    mapped: None, shop: Any, clinic: Any, operator: Any, run_tasks: Any
) -> None:
    items = [{"kind": "rule", "name": "greet", "text": "Greet every customer who places an order."}]
    task = services.start_transfer(
        by=operator, task_type="carry", source=shop, target=clinic, parameters={"items": items}
    )
    run_tasks()
    task.refresh_from_db()
    row = task.result["rows"][0]
    assert row["carried"] == "Greet every client who places an appointment."
    assert row["missing"] == ["places"]
    figures = {one.metric_name: float(one.metric_value) for one in task.metrics.all()}
    assert figures == {
        "coverage.before": 0,
        "coverage.control": 0,
        "coverage.after": pytest.approx(2 / 3, abs=1e-5),
    }


def test_a_transfer_that_broke_off_goes_on_with_the_next_question(
    mapped: None, shop: Any, clinic: Any, operator: Any
) -> None:
    items = [{"kind": "text", "text": f"customer {n}"} for n in range(4)]
    task = services.start_transfer(
        by=operator, task_type="carry", source=shop, target=clinic, parameters={"items": items}
    )
    seen: list[Any] = []

    def stop() -> None:
        if len(seen) == 2:
            raise SystemExit("killed")
        seen.append(1)

    with pytest.raises(SystemExit):
        services.run_transfer(task=task, stop=stop, told=lambda _data: None)
    task = TransferTask.objects.get(pk=task.pk)
    assert (task.status, len(task.result["rows"])) == ("running", 2)
    again: list[Any] = []
    services.run_transfer(task=task, stop=lambda: again.append(1), told=lambda _data: None)
    task.refresh_from_db()
    assert (task.status, len(task.result["rows"]), len(again)) == ("completed", 4, 2)


@pytest.mark.parametrize(
    ("task_type", "parameters"),
    [
        ("guess", {}),
        ("answer", {}),
        ("answer", {"questions": []}),
        ("answer", {"questions": [{"question": " "}]}),
        ("answer", {"questions": [{"question": "x", "expected": 7}]}),
        ("answer", {"questions": [{"question": "x"}], "limit": 0}),
        ("answer", {"questions": [{"question": "x" * 5000}]}),
        ("answer", {"questions": [{"question": "x"}] * 201}),
        ("label", {"items": [{"text": "x"}]}),
        ("label", {"items": [{"text": "x"}], "examples": [{"text": "x"}]}),
        ("carry", {"items": [{"text": "x", "kind": "song"}]}),
        ("carry", {"items": [{"text": "x", "kind": 3}]}),
    ],
)
def test_parameters_that_cannot_be_used_are_refused(
    task_type: str, parameters: Any, shop: Any, clinic: Any, operator: Any
) -> None:
    with pytest.raises(Invalid):
        services.start_transfer(
            by=operator, task_type=task_type, source=shop, target=clinic, parameters=parameters
        )


def test_a_domain_that_is_gone_ends_the_transfer_with_the_reason(
    mapped: None, shop: Any, clinic: Any, operator: Any, alice: Any, run_tasks: Any
) -> None:
    items = {"items": [{"kind": "text", "text": "customer"}]}
    with pytest.raises(Forbidden):
        services.start_transfer(by=alice, task_type="carry", source=shop, target=clinic, parameters=items)
    with pytest.raises(Invalid):
        services.start_transfer(by=operator, task_type="carry", source=shop, target=shop, parameters=items)
    task = services.start_transfer(
        by=operator, task_type="carry", source=shop, target=clinic, parameters=items
    )
    services.delete_domain(domain=clinic, by=operator)
    run_tasks()
    task.refresh_from_db()
    assert (task.status, task.error_message) == ("failed", "One of the two domains is gone.")
