"""The REST door of explanations."""

import json
from typing import Any

import pytest

from explanations import starter
from explanations.models import Explanation, ExplanationFeature, ExplanationTemplate


@pytest.fixture
def explanation(alice: Any) -> Explanation:
    row = Explanation.objects.create(
        user=alice, target_type="message", target_id="m1", explanation="Because.", algorithm="rule"
    )
    for name, importance in (("light", "0.2"), ("heavy", "0.8")):
        ExplanationFeature.objects.create(
            explanation=row, feature_name=name, feature_value="b", importance=importance
        )
    return row


def test_a_person_reads_why_with_the_heaviest_reason_first(
    alice: Any, api_of: Any, explanation: Explanation
) -> None:
    asked = {"target_type": "message", "target_id": "m1"}
    (row,) = api_of(alice).get("/api/v1/explanations/", asked).json()["results"]
    assert [feature["feature_name"] for feature in row["features"]] == ["heavy", "light"]
    listed = api_of(alice).get("/api/v1/explanation-features/", {"explanation": explanation.pk}).json()
    assert len(listed["results"]) == 2


def test_an_explanation_of_someone_else_does_not_exist(
    bob: Any, api_of: Any, explanation: Explanation
) -> None:
    feature = explanation.features.first()
    for address in (f"explanations/{explanation.pk}", f"explanation-features/{feature.pk}"):
        assert api_of(bob).get(f"/api/v1/{address}/").status_code == 404
    assert api_of(bob).get(f"/api/v1/explanations/{explanation.pk}/text/").status_code == 404
    assert api_of(bob).get("/api/v1/explanation-features/").json()["results"] == []


def test_explanations_cannot_be_written(alice: Any, api_of: Any, explanation: Explanation) -> None:
    address = f"/api/v1/explanations/{explanation.pk}/"
    assert api_of(alice).post("/api/v1/explanations/", {}).status_code == 405
    assert api_of(alice).patch(address, {}).status_code == 405
    assert api_of(alice).delete(address).status_code == 405


def test_an_explanation_is_told_in_the_language_and_detail_asked_for(
    alice: Any, api_of: Any, explanation: Explanation
) -> None:
    starter.load()
    address = f"/api/v1/explanations/{explanation.pk}/text/"
    client = api_of(alice)
    assert client.get(address, {"complexity": "simple"}).json() == {"text": "Because."}
    korean = client.get(address, {"complexity": "detailed", "language": "ko"}).json()["text"]
    assert "작용한 것" in korean
    assert "heavy: b (80 %)" in korean
    assert "작용한 것" in client.get(address, headers={"Accept-Language": "ko"}).json()["text"]
    assert client.get(address, {"complexity": "endless"}).status_code == 400
    for language in ("\0", "xx", "k" * 500):
        assert client.get(address, {"language": language}).status_code == 200


def test_operators_write_templates_and_people_read_them(alice: Any, operator: Any, api_of: Any) -> None:
    asked = {"name": "short", "template_text": "$summary", "target_type": "message"}
    assert api_of(alice).post("/api/v1/explanation-templates/", asked).status_code == 403
    made = api_of(operator).post("/api/v1/explanation-templates/", asked)
    assert made.status_code == 201
    assert made.json()["complexity_level"] == "moderate"
    assert len(api_of(alice).get("/api/v1/explanation-templates/").json()["results"]) == 1
    assert api_of(operator).post("/api/v1/explanation-templates/", asked).status_code == 400
    address = f"/api/v1/explanation-templates/{made.json()['id']}/"
    assert api_of(operator).delete(address).status_code == 204


@pytest.mark.parametrize(
    "change",
    [
        {"template_text": "$nosuch"},
        {"template_text": "\0"},
        {"template_text": None},
        {"name": "x" * 101},
        {"name": ["x"]},
        {"name": "\ud800"},
        {"complexity_level": "endless"},
        {"is_active": "perhaps"},
        {"language": "x" * 11},
    ],
)
def test_a_template_that_cannot_be_used_is_refused(
    change: dict[str, Any], operator: Any, api_of: Any
) -> None:
    asked = {"name": "short", "template_text": "$summary", "target_type": "message"}
    answer = api_of(operator).post(
        "/api/v1/explanation-templates/", json.dumps(asked | change), content_type="application/json"
    )
    assert answer.status_code == 400
    assert set(change) <= set(answer.json()["errors"])
    assert not ExplanationTemplate.objects.exists()


@pytest.mark.parametrize("rows", [10, 1000])
def test_lists_take_the_same_queries_however_long(
    rows: int, alice: Any, api_of: Any, django_assert_max_num_queries: Any
) -> None:
    made = Explanation.objects.bulk_create(
        Explanation(user=alice, target_type="message", target_id=str(number), explanation="x")
        for number in range(rows)
    )
    ExplanationFeature.objects.bulk_create(
        ExplanationFeature(explanation=row, feature_name="a", feature_value="b", importance=1) for row in made
    )
    client = api_of(alice)
    with django_assert_max_num_queries(4):
        assert client.get("/api/v1/explanations/").status_code == 200
    with django_assert_max_num_queries(3):
        assert client.get("/api/v1/explanation-features/").status_code == 200
