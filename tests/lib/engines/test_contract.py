"""What every chat engine promises, the fake and the real ones alike."""

import threading

import pytest

from agi_site.lib import engines
from agi_site.lib.engines.base import ChatEngine, Done, EngineError, Passage, TextDelta, ToolCall, ToolCalls
from agi_site.lib.engines.fake import FakeChat, FakeEmbedding, FakeLanguage, Script
from agi_site.lib.engines.guide import Guide
from tests.lib.engines.scripted_server import text_reply


@pytest.fixture(
    params=["fake", "guide", "openai", pytest.param("local", marks=pytest.mark.local_model)],
)
def engine(request, server, openai_chat):
    if request.param == "local":
        from agi_site.lib.engines.local import LocalChat

        request.getfixturevalue("smollm2")
        made = LocalChat()
        yield made
        made.close()
        return
    server.script(*[text_reply("some ", "words")] * 3)
    yield {
        "fake": FakeChat(),
        "guide": Guide(embedding=FakeEmbedding(), language=FakeLanguage()),
        "openai": openai_chat,
    }[request.param]


def test_an_answer_is_text_then_exactly_one_done(engine, ask):
    assert isinstance(engine, ChatEngine)
    events = list(engine.stream(ask("Hello", max_tokens=12)))
    assert all(isinstance(event, TextDelta) and event.text for event in events[:-1])
    assert len(events) >= 2
    assert isinstance(events[-1], Done)
    assert events[-1].finish_reason in ("stop", "length")
    assert events[-1].model
    assert engine.context_window > 0
    assert engine.count_tokens("hello world") > 0
    assert engine.count_tokens("") == 0


def test_a_request_already_stopped_ends_at_once(engine, ask):
    stop = threading.Event()
    stop.set()
    events = list(engine.stream(ask("Hello", stop=stop)))
    assert [type(event) for event in events] == [Done]
    assert events[0].finish_reason == "stopped"


def test_only_numbers_of_given_passages_are_cited(engine, ask):
    passages = [Passage(1, "knowledge", "a", "Hello", "hello there", 0.5)]
    done = list(engine.stream(ask("hello there", passages=passages, max_tokens=12)))[-1]
    assert set(done.cited) <= {1}


def test_the_fake_plays_its_script(ask):
    call = ToolCall("1", "current_time", {})
    fake = FakeChat(
        [Script(calls=[call]), Script(tokens=["half"], error=EngineError("broken_stream", "broke"))]
    )
    fake.say("and then this")
    first = list(fake.stream(ask()))
    assert first[0] == ToolCalls((call,))
    assert first[-1].finish_reason == "tool_calls"
    stream = fake.stream(ask())
    assert next(stream) == TextDelta("half")
    with pytest.raises(EngineError, match="broke"):
        next(stream)
    assert "".join(e.text for e in list(fake.stream(ask()))[:-1]) == "and then this"
    assert len(fake.requests) == 3


def test_the_configured_engines_follow_the_settings(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.EMBEDDING_ENGINE = settings.LANGUAGE_ENGINE = "fake"
    for name, kind in (("fake", "fake"), ("guide", "guide"), ("openai", "openai"), ("local", "local")):
        settings.CHAT_ENGINE = name
        assert engines.chat().name == kind
    assert engines.chat() is engines.chat()
    assert engines.language().analyse("안녕?").language == "ko"


def test_local_servers_are_found_by_the_models_they_list(server):
    (found,) = engines.discover_local((("Ollama", server.server_address[1]), ("llama.cpp", 9)))
    assert (found.kind, found.models, found.base_url) == ("Ollama", ("scripted-1",), server.base_url)
