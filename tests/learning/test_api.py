"""The REST door and the admin of learning."""

import json
from typing import Any

import pytest
from django.urls import reverse

from learning.models import Feedback, LearningData, ModelVersion, TrainingJob
from tools.models import Tool, ToolExecution


@pytest.fixture
def execution(alice: Any) -> ToolExecution:
    tool = Tool.objects.create(name="probe")
    return ToolExecution.objects.create(tool=tool, user=alice, status="completed")


def about(row: ToolExecution, **more: Any) -> dict[str, Any]:
    return {"entity_type": "tool_execution", "entity_id": row.pk} | more


def test_a_person_gives_changes_and_withdraws_feedback(alice: Any, api_of: Any, execution: Any) -> None:
    client = api_of(alice)
    made = client.post("/api/v1/feedback/", about(execution, rating=5, comment="good"))
    assert made.status_code == 201
    address = f"/api/v1/feedback/{made.json()['id']}/"
    changed = client.patch(address, {"rating": 2, "entity_id": "other"}).json()
    assert (changed["rating"], changed["comment"], changed["entity_id"]) == (2, "good", execution.pk)
    assert client.get("/api/v1/feedback/", {"rating__lte": 2}).json()["results"] == [changed]
    assert client.delete(address).status_code == 204
    assert not Feedback.objects.exists()


def test_giving_it_twice_makes_one(alice: Any, api_of: Any, execution: Any) -> None:
    for rating in (1, 5):
        assert api_of(alice).post("/api/v1/feedback/", about(execution, rating=rating)).status_code == 201
    assert Feedback.objects.get().rating == 5


def test_feedback_of_someone_else_does_not_exist(alice: Any, bob: Any, api_of: Any, execution: Any) -> None:
    made = api_of(alice).post("/api/v1/feedback/", about(execution, rating=5)).json()
    address = f"/api/v1/feedback/{made['id']}/"
    assert api_of(bob).get(address).status_code == 404
    assert api_of(bob).patch(address, {"rating": 1}).status_code == 404
    assert api_of(bob).delete(address).status_code == 404
    assert Feedback.objects.get().rating == 5


def test_a_row_one_may_not_see_gets_no_feedback(bob: Any, api_of: Any, execution: Any) -> None:
    refused = api_of(bob).post("/api/v1/feedback/", about(execution, rating=5))
    assert (refused.status_code, set(refused.json()["errors"])) == (400, {"entity_id"})
    assert not Feedback.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"rating": 0},
        {"rating": 6},
        {"rating": 10**40},
        {"rating": "many"},
        {"rating": [1]},
        {"rating": None},
        {"comment": "a\0b", "rating": 5},
        {"comment": "\ud800", "rating": 5},
        {"comment": {"a": 1}, "rating": 5},
        {"entity_type": "nosuch", "rating": 5},
        {"entity_type": "x" * 51, "rating": 5},
        {"entity_type": None, "rating": 5},
        {"entity_id": "\0", "rating": 5},
        {"entity_id": "x" * 37, "rating": 5},
        {"entity_id": 10**40, "rating": 5},
    ],
)
def test_what_makes_no_sense_is_refused(change: Any, alice: Any, api_of: Any, execution: Any) -> None:
    body = json.dumps(about(execution, **change))
    answer = api_of(alice).post("/api/v1/feedback/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert not Feedback.objects.exists()


def test_a_change_that_leaves_nothing_is_refused(alice: Any, api_of: Any, execution: Any) -> None:
    made = api_of(alice).post("/api/v1/feedback/", about(execution, rating=5)).json()
    answer = api_of(alice).patch(f"/api/v1/feedback/{made['id']}/", {"rating": None}, format="json")
    assert answer.status_code == 400
    assert Feedback.objects.get().rating == 5


def test_examples_are_for_those_who_run_the_house(alice: Any, operator: Any, api_of: Any) -> None:
    asked = {"type": "conversation", "input_data": {"text": "a"}, "output_data": {"text": "b"}}
    assert api_of(alice).get("/api/v1/learning-data/").status_code == 403
    assert api_of(alice).post("/api/v1/learning-data/", asked, format="json").status_code == 403
    assert api_of(operator).post("/api/v1/learning-data/", asked, format="json").status_code == 201
    assert LearningData.objects.get().input_data == {"text": "a"}


@pytest.mark.parametrize("value", [[], "x", None, {"a": "\0"}, {"a": "\ud800"}, {"a": 10**30}])
def test_an_example_is_made_of_plain_objects(value: Any, operator: Any, api_of: Any) -> None:
    body = json.dumps({"type": "conversation", "input_data": value, "output_data": {}})
    answer = api_of(operator).post("/api/v1/learning-data/", body, content_type="application/json")
    assert answer.status_code == 400
    assert set(answer.json()["errors"]) == {"input_data"}


def test_one_version_is_in_use(alice: Any, operator: Any, api_of: Any) -> None:
    made = []
    for number in ("1", "2"):
        asked = {"model_name": "intent", "version": number, "path": f"intent/{number}"}
        made.append(api_of(operator).post("/api/v1/model-versions/", asked).json())
    again = {"model_name": "intent", "version": "1", "path": "elsewhere"}
    assert api_of(operator).post("/api/v1/model-versions/", again).status_code == 400
    for version in made:
        address = f"/api/v1/model-versions/{version['id']}/activate/"
        assert api_of(alice).post(address).status_code == 403
        assert api_of(operator).post(address).json()["is_active"] is True
    assert ModelVersion.objects.get(is_active=True).version == "2"


def test_a_trainer_tells_how_a_job_goes(operator: Any, alice: Any, api_of: Any) -> None:
    client = api_of(operator)
    made = client.post("/api/v1/training-jobs/", {"model_name": "intent", "status": "completed"}).json()
    assert made["status"] == "pending"
    address = f"/api/v1/training-jobs/{made['id']}/move/"
    assert api_of(alice).post(address, {"status": "running"}).status_code == 403
    assert client.post(address, {"status": "completed"}).status_code == 409
    assert client.post(address, {"status": "running"}).json()["status"] == "running"
    done = client.post(address, {"status": "completed", "metrics": {"f1": 0.9}}, format="json").json()
    assert (done["status"], done["metrics"]) == ("completed", {"f1": 0.9})
    for body in ({"status": "pending"}, {"status": 1}, {}, {"status": "failed", "result_model_id": "\0"}):
        assert client.post(address, body, format="json").status_code == 400


def test_evaluations_belong_to_a_version(operator: Any, api_of: Any) -> None:
    version = ModelVersion.objects.create(model_name="intent", version="1", path="intent/1")
    asked = {"model_version": version.pk, "dataset_name": "held-out", "metrics": {"f1": 0.9}}
    assert api_of(operator).post("/api/v1/evaluation-results/", asked, format="json").status_code == 201
    asked["model_version"] = "nosuch"
    assert api_of(operator).post("/api/v1/evaluation-results/", asked, format="json").status_code == 400


@pytest.mark.parametrize("rows", [10, 1000])
def test_lists_take_the_same_queries_however_long(
    rows: int, admin_user: Any, api_of: Any, django_assert_max_num_queries: Any
) -> None:
    Feedback.objects.bulk_create(
        Feedback(user=admin_user, entity_type="message", entity_id=str(n), rating=5) for n in range(rows)
    )
    LearningData.objects.bulk_create(
        LearningData(type="conversation", input_data={}, output_data={}) for _row in range(rows)
    )
    TrainingJob.objects.bulk_create(TrainingJob(model_name="intent") for _row in range(rows))
    client = api_of(admin_user)
    for resource in ("feedback", "learning-data", "training-jobs", "model-versions", "evaluation-results"):
        with django_assert_max_num_queries(5):
            assert client.get(f"/api/v1/{resource}/").status_code == 200


def test_an_operator_puts_a_version_in_use_in_the_admin(operator: Any, client_of: Any) -> None:
    versions = [
        ModelVersion.objects.create(model_name="intent", version=number, path=number) for number in ("1", "2")
    ]
    browser, address = client_of(operator), reverse("admin:learning_modelversion_changelist")
    both = {"action": "activate", "_selected_action": [version.pk for version in versions]}
    assert "Select exactly one." in browser.post(address, both, follow=True).content.decode()
    one = {"action": "activate", "_selected_action": [versions[1].pk]}
    assert "intent 2 is in use now." in browser.post(address, one, follow=True).content.decode()
    assert ModelVersion.objects.get(is_active=True) == versions[1]
