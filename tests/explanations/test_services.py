"""Explanations: stored with shares that sum to one, told in words, hidden from everybody else."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi_site.lib import targets
from agi_site.lib.problems import Invalid, NotFound
from explanations import services, starter, wording
from explanations.models import Explanation, ExplanationTemplate
from explanations.services import Feature
from tools.models import Tool, ToolExecution

FEATURES = [
    Feature("passage", "[1] Refunds", 3.0),
    Feature("memory", "likes tea", 1.0),
    Feature("tool", "clock", 0),
]


@pytest.fixture
def run_of_alice(alice: Any) -> ToolExecution:
    return ToolExecution.objects.create(tool=Tool.objects.create(name="probe"), user=alice)


def explain(user: Any, row: ToolExecution, **changes: Any) -> Explanation:
    asked: dict[str, Any] = {
        "user": user,
        "target_type": "tool_execution",
        "target_id": row.pk,
        "summary": "It rests on one passage.",
        "algorithm": "attribution",
        "confidence": 0.8,
        "features": FEATURES,
    }
    return services.explain(**asked | changes)


def test_an_explanation_is_kept_with_what_weighed_in_it(alice: Any, run_of_alice: Any) -> None:
    explain(alice, run_of_alice)
    found = services.explanation_of(user=alice, target_type="tool_execution", target_id=run_of_alice.pk)
    assert found is not None
    assert (found.explanation, found.algorithm) == ("It rests on one passage.", "attribution")
    assert found.confidence == Decimal("0.8")
    weights = [(feature.feature_name, feature.importance) for feature in found.features.all()]
    assert weights == [("passage", Decimal("0.75")), ("memory", Decimal("0.25")), ("tool", Decimal(0))]


def test_reading_an_explanation_takes_two_queries(
    alice: Any, run_of_alice: Any, django_assert_num_queries: Any
) -> None:
    explain(alice, run_of_alice, features=FEATURES * 30)
    with django_assert_num_queries(2):
        found = services.explanation_of(user=alice, target_type="tool_execution", target_id=run_of_alice.pk)
        assert found is not None
        assert len(found.features.all()) == 90


def test_explaining_again_replaces_what_was_said(alice: Any, run_of_alice: Any) -> None:
    explain(alice, run_of_alice)
    explain(alice, run_of_alice, summary="Otherwise.")
    assert [row.explanation for row in Explanation.objects.all()] == ["Otherwise."]


def test_a_row_of_someone_else_cannot_be_explained(alice: Any, bob: Any, run_of_alice: Any) -> None:
    explain(alice, run_of_alice)
    with pytest.raises(NotFound):
        explain(bob, run_of_alice)
    assert services.explanation_of(user=bob, target_type="tool_execution", target_id=run_of_alice.pk) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"target_type": "nosuch"},
        {"summary": "  "},
        {"features": [Feature("a", "b", -1)]},
        {"features": [Feature("a", "b", float("nan"))]},
        {"features": [Feature("a", "b", float("inf"))]},
        {"confidence": float("nan")},
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, Any], alice: Any, run_of_alice: Any) -> None:
    with pytest.raises(Invalid):
        explain(alice, run_of_alice, **changes)
    assert not Explanation.objects.exists()


@pytest.mark.parametrize(("given_", "kept"), [(1.7, 1), (-0.2, 0), (None, None)])
def test_a_confidence_is_cut_to_its_range(
    given_: float | None, kept: int | None, alice: Any, run_of_alice: Any
) -> None:
    assert explain(alice, run_of_alice, confidence=given_).confidence == kept


def test_odd_text_of_an_engine_is_repaired(alice: Any, run_of_alice: Any) -> None:
    row = explain(alice, run_of_alice, summary="a\0b\ud800", features=[Feature("x" * 300, "y" * 9000, 1)])
    row.refresh_from_db()
    assert row.explanation == "ab?"
    feature = row.features.get()
    assert (len(feature.feature_name), len(feature.feature_value)) == (100, 4000)


@given(st.lists(st.floats(min_value=0, max_value=1e6, allow_nan=False), max_size=50))
def test_shares_never_sum_to_more_than_one(weights: list[float]) -> None:
    shares = services._shares(weights)
    assert len(shares) == len(weights)
    assert 0 <= sum(shares) <= 1
    assert all(0 <= share <= 1 for share in shares)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("complexity", ["simple", "moderate", "detailed"])
def test_the_starter_templates_tell_an_explanation(
    language: str, complexity: str, alice: Any, run_of_alice: Any
) -> None:
    starter.load()
    starter.load()
    told = services.tell(explanation=explain(alice, run_of_alice), language=language, complexity=complexity)
    assert told.startswith("It rests on one passage.")
    assert "$" not in told
    assert ("likes tea" in told) == (complexity == "detailed")
    assert ("Refunds" in told) == (complexity != "simple")


def test_every_starter_template_is_well_formed(db: None) -> None:
    starter.load()
    for template in ExplanationTemplate.objects.all():
        wording.check(template.template_text)


def test_the_template_of_the_very_type_comes_first(
    alice: Any, run_of_alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    starter.load()
    ExplanationTemplate.objects.create(
        name="own", template_text="Own: $summary", target_type="tool_execution", complexity_level="simple"
    )
    row = explain(alice, run_of_alice)
    assert services.tell(explanation=row, complexity="simple") == "Own: It rests on one passage."


def test_without_a_template_the_summary_is_told(alice: Any, run_of_alice: Any) -> None:
    assert services.tell(explanation=explain(alice, run_of_alice)) == "It rests on one passage."


@pytest.mark.parametrize("text", ["$", "$1", "${summary", "$nosuch", "${__class__}"])
def test_a_template_that_names_nothing_we_have_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        wording.check(text)


def test_a_template_replaces_names_and_runs_nothing() -> None:
    assert wording.fill("$$5 {summary.__class__} %(x)s $summary", {"summary": "$features"}) == (
        "$5 {summary.__class__} %(x)s $features"
    )


def test_an_explanation_is_a_target_itself() -> None:
    assert targets.model_of("explanation") is Explanation
