"""The REST door and the admin of emotions."""

import json
from typing import Any

import pytest
from django.urls import reverse

from emotions import starter
from emotions.models import EmotionAnalysis, EmpathyModel, UserEmotionHistory


@pytest.fixture
def analysis(alice: Any) -> EmotionAnalysis:
    return EmotionAnalysis.objects.create(
        user=alice, target_type="message", target_id="m1", emotions={"joy": 1.0}, dominant_emotion="joy"
    )


@pytest.fixture
def line(alice: Any) -> UserEmotionHistory:
    return UserEmotionHistory.objects.create(user=alice, emotion="joy", intensity="0.8")


def test_a_person_reads_what_was_found_in_their_words(alice: Any, api_of: Any, analysis: Any) -> None:
    (row,) = api_of(alice).get("/api/v1/emotion-analyses/", {"dominant_emotion": "joy"}).json()["results"]
    assert (row["id"], row["emotions"]) == (analysis.pk, {"joy": 1.0})
    address = f"/api/v1/emotion-analyses/{analysis.pk}/"
    assert api_of(alice).patch(address, {}).status_code == 405
    assert api_of(alice).delete(address).status_code == 405


def test_a_person_deletes_lines_of_their_history(alice: Any, api_of: Any, line: Any) -> None:
    address = f"/api/v1/user-emotion-history/{line.pk}/"
    assert api_of(alice).get(address).json()["emotion"] == "joy"
    assert api_of(alice).patch(address, {}).status_code == 405
    assert api_of(alice).delete(address).status_code == 204
    assert not UserEmotionHistory.objects.exists()


def test_what_someone_else_feels_does_not_exist(bob: Any, api_of: Any, analysis: Any, line: Any) -> None:
    for address in (f"emotion-analyses/{analysis.pk}", f"user-emotion-history/{line.pk}"):
        assert api_of(bob).get(f"/api/v1/{address}/").status_code == 404
        assert api_of(bob).delete(f"/api/v1/{address}/").status_code in (404, 405)
    assert UserEmotionHistory.objects.exists()


def test_operators_write_strategies_and_people_read_them(alice: Any, operator: Any, api_of: Any) -> None:
    asked = {"trigger_emotion": "joy", "response_type": "guidance", "template": "Smile.", "language": "en"}
    assert api_of(alice).post("/api/v1/emotional-responses/", asked).status_code == 403
    made = api_of(operator).post("/api/v1/emotional-responses/", asked)
    assert made.status_code == 201
    address = f"/api/v1/emotional-responses/{made.json()['id']}/"
    assert api_of(operator).patch(address, {"priority": 3}).json()["priority"] == 3
    assert api_of(alice).get(address).status_code == 200
    assert api_of(alice).delete(address).status_code == 403


@pytest.mark.parametrize(
    "change",
    [
        {"priority": 10**30},
        {"priority": "high"},
        {"template": "a\0b"},
        {"template": {"a": 1}},
        {"trigger_emotion": "x" * 51},
        {"language": "\ud800"},
    ],
)
def test_a_strategy_that_cannot_be_used_is_refused(change: Any, operator: Any, api_of: Any) -> None:
    asked = {"trigger_emotion": "joy", "response_type": "guidance", "template": "Smile."} | change
    body = json.dumps(asked)
    answer = api_of(operator).post("/api/v1/emotional-responses/", body, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == set(change)


def test_one_empathy_model_is_in_use_at_a_time(alice: Any, operator: Any, api_of: Any) -> None:
    starter.load()
    asked = {"name": "warm", "version": "1", "parameters": {"history_threshold": 0.2}}
    made = api_of(operator).post("/api/v1/empathy-models/", asked, format="json").json()
    assert made["is_active"] is False
    address = f"/api/v1/empathy-models/{made['id']}/activate/"
    assert api_of(alice).post(address).status_code == 403
    assert api_of(operator).post(address).json()["is_active"] is True
    assert [model.name for model in EmpathyModel.objects.filter(is_active=True)] == ["warm"]


@pytest.mark.parametrize(
    "parameters", [[], "x", {"nosuch": 1}, {"history_threshold": 2}, {"history_threshold": "x"}, {"\0": 1}]
)
def test_parameters_nobody_knows_are_refused(parameters: Any, operator: Any, api_of: Any) -> None:
    asked = {"name": "warm", "version": "1", "parameters": parameters}
    answer = api_of(operator).post("/api/v1/empathy-models/", asked, format="json")
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"parameters"}


@pytest.mark.parametrize("rows", [10, 1000])
def test_lists_take_the_same_queries_however_long(
    rows: int, alice: Any, api_of: Any, django_assert_max_num_queries: Any
) -> None:
    EmotionAnalysis.objects.bulk_create(
        EmotionAnalysis(user=alice, target_type="message", target_id=str(n), emotions={}) for n in range(rows)
    )
    UserEmotionHistory.objects.bulk_create(
        UserEmotionHistory(user=alice, emotion="joy", intensity="0.8") for _row in range(rows)
    )
    client = api_of(alice)
    for resource in ("emotion-analyses", "user-emotion-history"):
        with django_assert_max_num_queries(3):
            assert client.get(f"/api/v1/{resource}/").status_code == 200


def test_an_operator_puts_an_empathy_model_in_use_in_the_admin(operator: Any, client_of: Any) -> None:
    starter.load()
    model = EmpathyModel.objects.create(name="warm", version="1", is_active=False)
    asked = {"action": "activate", "_selected_action": [model.pk]}
    answer = client_of(operator).post(reverse("admin:emotions_empathymodel_changelist"), asked, follow=True)
    assert "warm is in use now." in answer.content.decode()
    model.refresh_from_db()
    assert model.is_active
