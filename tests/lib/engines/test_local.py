"""The real HTTP peer: SmolLM2 behind llama.cpp's server, through OpenAIChat and through LocalChat."""

import json
import threading
import time

import pytest

from agi_site.lib.engines import local
from agi_site.lib.engines.base import (
    ChatMessage,
    ChatRequest,
    Done,
    EngineError,
    TextDelta,
    ToolCalls,
    ToolSpec,
)

pytestmark = pytest.mark.local_model
CALCULATOR = ToolSpec(
    "calculator",
    "Evaluate an arithmetic expression.",
    {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
)


@pytest.fixture(scope="module")
def running(smollm2):
    with local.start_server() as handle:
        yield handle


@pytest.fixture
def chat(running, connect):
    return connect(running.base_url, timeout=60.0)


def words_of(events):
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def test_a_real_server_streams_an_answer_and_counts_tokens(chat, ask):
    events = list(chat.stream(ask("Say hello.", max_tokens=24, temperature=0)))
    done = events[-1]
    assert words_of(events).strip()
    assert len(events) > 3
    assert done.finish_reason in ("stop", "length")
    assert 0 < done.completion_tokens <= 24
    assert done.prompt_tokens > 5
    assert done.model == local.MODEL_NAME


def test_a_real_server_refuses_a_prompt_longer_than_its_window(chat, ask):
    with pytest.raises(EngineError) as caught:
        list(chat.stream(ask("word " * 3000, max_tokens=5)))
    assert caught.value.kind == "context_length"


def test_stopping_a_real_answer_frees_the_server_for_the_next(chat, ask):
    stop = threading.Event()
    stream = chat.stream(ask("Count from one to five hundred in words.", max_tokens=400, stop=stop))
    next(stream)
    stop.set()
    started = time.monotonic()
    done = list(stream)[-1]
    assert time.monotonic() - started < 0.3
    assert done.finish_reason == "stopped"
    assert list(chat.stream(ask("Hi", max_tokens=3)))[-1].completion_tokens <= 3


def test_the_local_engine_chooses_a_tool_within_its_grammar(running, ask):
    engine = local.LocalChat(running)
    try:
        events = list(engine.stream(ask("What is 9 times 8?", tools=[CALCULATOR])))
    finally:
        engine.close()
    calls = [event for event in events if isinstance(event, ToolCalls)]
    assert len(calls) == 1, words_of(events)
    assert calls[0].calls[0].name == "calculator"
    assert set(calls[0].calls[0].arguments) == {"expression"}
    assert events[-1].notes["demonstration"] is True


def test_the_local_engine_answers_in_words_after_a_tool(running):
    engine = local.LocalChat(running)
    messages = [ChatMessage("user", "What is 9 times 8?"), ChatMessage("tool", "72", tool_call_id="c")]
    try:
        events = list(engine.stream(ChatRequest(messages, tools=[CALCULATOR], max_tokens=30)))
    finally:
        engine.close()
    assert words_of(events).strip()
    assert isinstance(events[-1], Done)


def test_closing_in_the_middle_of_an_answer_ends_it_and_the_server(smollm2, ask):
    engine = local.LocalChat()
    stream = engine.stream(ask("Count from one to five hundred in words.", max_tokens=250))
    next(stream)
    started = time.monotonic()
    engine.close()
    assert time.monotonic() - started < 3
    stream.close()


def test_a_missing_model_says_how_to_get_it(settings, tmp_path):
    settings.LOCAL_MODEL_PATH = str(tmp_path / "none.gguf")
    with pytest.raises(EngineError, match="MODEL=local"):
        local.find_model()


def test_the_grammar_allows_only_the_offered_names():
    grammar = local.tool_grammar(["calculator"])
    assert json.dumps(json.dumps("calculator")) in grammar
    assert "current_time" not in grammar


def test_a_call_without_its_required_argument_is_no_call():
    assert local.tool_call(CALCULATOR, " ") is None
    assert (
        local.tool_call(ToolSpec("current_time", "", {"type": "object", "properties": {}}), "").arguments
        == {}
    )


def test_numbers_nobody_said_are_not_calculated():
    assert local.is_grounded("9 * 8", "What is 9 times 8?")
    assert not local.is_grounded("3 + 4", "How long is the probation period?")
