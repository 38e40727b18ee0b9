"""Learning from people: one opinion per person and row, examples that go when it is withdrawn."""

from typing import Any

import pytest

from agi_site.lib.problems import Conflict, Invalid, NotFound
from learning import services, tasks
from learning.models import LEGAL_MOVES, Feedback, LearningData, ModelVersion, TrainingJob, TrainingJobStatus
from tools import services as tool_services
from tools import starter as tool_starter
from tools.models import ToolExecution


@pytest.fixture
def execution(alice: Any) -> ToolExecution:
    tool_starter.load()
    return tool_services.run_tool(user=alice, name="calculator", arguments={"expression": "1+1"})


def give(user: Any, row: ToolExecution, **values: Any) -> Feedback:
    return services.give_feedback(user=user, entity_type="tool_execution", entity_id=row.pk, **values)


def test_feedback_is_kept(alice: Any, execution: Any) -> None:
    give(alice, execution, rating=services.THUMB_UP, comment=" well done ")
    kept = Feedback.objects.get()
    assert (kept.user, kept.entity_type, kept.entity_id) == (alice, "tool_execution", execution.pk)
    assert (kept.rating, kept.comment) == (5, "well done")


def test_giving_it_again_changes_it(alice: Any, execution: Any) -> None:
    first = give(alice, execution, rating=5)
    second = give(alice, execution, rating=1, comment="wrong after all")
    assert (first.pk, Feedback.objects.count()) == (second.pk, 1)
    assert Feedback.objects.get().rating == 1


def test_a_row_one_may_not_see_gets_no_feedback(bob: Any, execution: Any) -> None:
    with pytest.raises(NotFound):
        give(bob, execution, rating=5)


def test_an_unknown_type_gets_no_feedback(alice: Any) -> None:
    with pytest.raises(Invalid, match="Known types"):
        services.give_feedback(user=alice, entity_type="nosuch", entity_id="1", rating=5)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "rating"),
        ({"comment": "  "}, "rating"),
        ({"rating": 0}, "rating"),
        ({"rating": 6}, "rating"),
        ({"rating": 10**30}, "rating"),
        ({"rating": 5, "comment": "a\0b"}, "comment"),
        ({"rating": 5, "comment": "\ud800"}, "comment"),
        ({"rating": 5, "comment": "x" * 10_001}, "comment"),
    ],
)
def test_what_makes_no_sense_is_refused(values: Any, field: str, alice: Any, execution: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        give(alice, execution, **values)
    assert set(refusal.value.errors) == {field}
    assert not Feedback.objects.exists()


def test_a_rated_row_becomes_an_example_that_says_why_it_may(
    alice: Any, execution: Any, run_tasks: Any
) -> None:
    feedback = give(alice, execution, rating=5)
    run_tasks()
    example = LearningData.objects.get()
    assert (example.pk, example.type) == (feedback.pk, "tool_usage")
    assert example.input_data == {"tool": "calculator", "arguments": {"expression": "1+1"}}
    assert example.output_data["result"]["result"] == "2"
    assert example.metadata["rating"] == 5
    assert example.metadata["consent"]["basis"] == "feedback"


def test_changing_ones_mind_changes_the_example(alice: Any, execution: Any, run_tasks: Any) -> None:
    give(alice, execution, rating=5)
    run_tasks()
    give(alice, execution, rating=1)
    run_tasks()
    assert LearningData.objects.get().metadata["rating"] == 1
    give(alice, execution, comment="only words")
    run_tasks()
    assert not LearningData.objects.exists()


def test_withdrawing_takes_the_example_along(alice: Any, execution: Any, run_tasks: Any) -> None:
    feedback = give(alice, execution, rating=5)
    run_tasks()
    services.withdraw_feedback(feedback=feedback)
    run_tasks()
    assert not Feedback.objects.exists()
    assert not LearningData.objects.exists()


def test_an_example_goes_with_its_persons_account(alice: Any, execution: Any, run_tasks: Any) -> None:
    give(alice, execution, rating=5)
    run_tasks()
    other = LearningData.objects.create(type="conversation", input_data={}, output_data={})
    alice.delete()
    assert tasks.forget_withdrawn() == 1
    assert LearningData.objects.get() == other


def test_one_version_of_a_model_is_in_use(db: None) -> None:
    def version(model: str, number: str) -> ModelVersion:
        return ModelVersion.objects.create(model_name=model, version=number, path=f"{model}/{number}")

    first, second, other = version("intent", "1"), version("intent", "2"), version("mood", "1")
    for row in (first, other, second):
        services.activate_version(version=row)
    assert services.active_version("intent") == second
    assert services.active_version("mood") == other
    assert services.active_version("nosuch") is None
    assert ModelVersion.objects.filter(is_active=True).count() == 2


def test_a_training_job_moves_only_forwards(db: None) -> None:
    for state in TrainingJobStatus.values:
        for to in TrainingJobStatus.values:
            job = TrainingJob.objects.create(model_name="intent", status=state)
            if to in LEGAL_MOVES[state]:
                assert services.move_job(job=job, to=to).status == to
            else:
                with pytest.raises(Conflict):
                    services.move_job(job=job, to=to)


def test_a_training_job_notes_when_it_began_and_ended(db: None) -> None:
    job = TrainingJob.objects.create(model_name="intent")
    services.move_job(job=job, to="running")
    services.move_job(job=job, to="completed", metrics={"f1": 0.9})
    assert job.started_at <= job.completed_at
    assert job.metrics == {"f1": 0.9}
