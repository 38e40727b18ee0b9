"""Emotions: kept with what they were found in, remembered when strong, answered by a strategy."""

from decimal import Decimal
from typing import Any

import pytest

from agi_site.lib.engines.base import Analysis
from agi_site.lib.problems import Invalid, NotFound
from emotions import families, services, starter
from emotions.models import EmotionalResponse, EmotionAnalysis, EmpathyModel, UserEmotionHistory
from tools.models import Tool, ToolExecution


def felt(emotion: str = "anger", intensity: float = 0.9) -> Analysis:
    return Analysis(
        language="en",
        intents=[],
        entities=[],
        sentiment_score=0.0,
        sentiment_label="negative",
        emotions={emotion: 0.912345, "neutral": 0.05},
        dominant_emotion=emotion,
        intensity=intensity,
    )


@pytest.fixture
def row(alice: Any) -> ToolExecution:
    return ToolExecution.objects.create(tool=Tool.objects.create(name="probe"), user=alice)


def record(user: Any, row: ToolExecution, analysis: Analysis, **more: Any) -> EmotionAnalysis:
    return services.record(
        user=user, target_type="tool_execution", target_id=row.pk, analysis=analysis, **more
    )


def test_what_was_found_is_kept(alice: Any, row: Any) -> None:
    record(alice, row, felt())
    kept = EmotionAnalysis.objects.get()
    assert (kept.user, kept.target_type, kept.target_id) == (alice, "tool_execution", row.pk)
    assert kept.emotions == {"anger": 0.9123, "neutral": 0.05}
    assert (kept.dominant_emotion, kept.intensity) == ("anger", Decimal("0.9"))


def test_a_strong_emotion_becomes_history(alice: Any, row: Any) -> None:
    record(alice, row, felt(), context="about the invoice")
    line = UserEmotionHistory.objects.get()
    assert (line.user, line.emotion, line.intensity, line.context) == (
        alice,
        "anger",
        Decimal("0.9"),
        "about the invoice",
    )


@pytest.mark.parametrize("analysis", [felt(intensity=0.2), felt("neutral", 0.9)])
def test_weak_and_neutral_ones_do_not(analysis: Analysis, alice: Any, row: Any) -> None:
    record(alice, row, analysis)
    assert not UserEmotionHistory.objects.exists()


def test_recording_again_replaces_and_remembers_once(alice: Any, row: Any) -> None:
    record(alice, row, felt())
    record(alice, row, felt("joy", 0.8))
    assert EmotionAnalysis.objects.get().dominant_emotion == "joy"
    assert UserEmotionHistory.objects.count() == 1


def test_a_row_of_someone_else_is_refused(bob: Any, row: Any) -> None:
    with pytest.raises(NotFound):
        record(bob, row, felt())


@pytest.mark.parametrize("intensity", [float("nan"), float("inf")])
def test_an_intensity_that_is_no_number_is_refused(intensity: float, alice: Any, row: Any) -> None:
    with pytest.raises(Invalid):
        record(alice, row, felt(intensity=intensity))


def test_an_intensity_out_of_range_is_cut(alice: Any, row: Any) -> None:
    assert record(alice, row, felt(intensity=1.5)).intensity == 1


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("emotion", [name for name in families.EMOTIONS if name != "neutral"])
def test_the_starter_rows_answer_every_emotion_in_both_languages(
    emotion: str, language: str, db: None
) -> None:
    starter.load()
    starter.load()
    for response_type in (services.GUIDANCE, services.OPENING):
        found = services.strategy_for(emotion=emotion, language=language, response_type=response_type)
        assert found is not None
        assert (found.trigger_emotion, found.language) == (emotion, language)


def test_a_fine_emotion_takes_the_strategy_of_its_family_unless_it_has_its_own(db: None) -> None:
    starter.load()
    assert services.strategy_for(emotion="gratitude").trigger_emotion == "love"
    EmotionalResponse.objects.create(
        trigger_emotion="gratitude", response_type=services.GUIDANCE, template="You are welcome."
    )
    assert services.strategy_for(emotion="gratitude").template == "You are welcome."


def test_priority_decides_between_strategies_and_inactive_ones_do_not_count(db: None) -> None:
    starter.load()
    EmotionalResponse.objects.create(
        trigger_emotion="joy", response_type=services.GUIDANCE, template="first", priority=5
    )
    EmotionalResponse.objects.create(
        trigger_emotion="joy", response_type=services.GUIDANCE, template="off", priority=9, is_active=False
    )
    assert services.strategy_for(emotion="joy").template == "first"


@pytest.mark.parametrize("asked", [{"emotion": "neutral"}, {"emotion": "joy", "intensity": 0.1}])
def test_neutral_and_weak_feelings_need_no_strategy(asked: dict[str, Any], db: None) -> None:
    starter.load()
    assert services.strategy_for(**asked) is None


def test_nobody_wrote_a_strategy(db: None) -> None:
    assert services.strategy_for(emotion="joy") is None
    assert services.strategy_for(emotion="\0", language="\0") is None


def test_the_active_empathy_model_decides_what_is_strong(alice: Any, row: Any) -> None:
    starter.load()
    strict = EmpathyModel.objects.create(
        name="strict", version="1", parameters={"history_threshold": 0.95, "odd": "x"}, is_active=False
    )
    services.activate_model(model=strict)
    assert [model.name for model in EmpathyModel.objects.filter(is_active=True)] == ["strict"]
    assert services.parameters() == {"history_threshold": 0.95, "response_threshold": 0.3}
    record(alice, row, felt())
    assert not UserEmotionHistory.objects.exists()


def test_what_an_operator_changed_stays(db: None) -> None:
    starter.load()
    EmotionalResponse.objects.filter(trigger_emotion="joy").update(template="ours")
    EmpathyModel.objects.update(version="2")
    starter.load()
    assert set(
        EmotionalResponse.objects.filter(trigger_emotion="joy").values_list("template", flat=True)
    ) == {"ours"}
    assert EmpathyModel.objects.get().version == "2"
