"""OpenAIChat over real HTTP, against a scripted server on loopback."""

import logging
import socket
import threading
import time

import pytest

from agi_site.lib.engines.base import (
    ChatMessage,
    ChatRequest,
    Done,
    EngineError,
    Passage,
    TextDelta,
    ToolCall,
    ToolCalls,
    ToolSpec,
)
from tests.lib.engines.scripted_server import Reply, call_fragment, error_reply, text_reply

CLOCK = ToolSpec(
    "current_time", "The time now.", {"type": "object", "properties": {"timezone": {"type": "string"}}}
)


def run(engine, request):
    events = list(engine.stream(request))
    return "".join(e.text for e in events if isinstance(e, TextDelta)), events[-1], events


def test_an_answer_streams_piece_by_piece_and_ends_with_its_token_counts(server, openai_chat, ask):
    server.script(text_reply("Hel", "lo ", "세상"))
    text, done, events = run(openai_chat, ask())
    assert text == "Hello 세상"
    assert [type(e) for e in events] == [TextDelta, TextDelta, TextDelta, Done]
    assert (done.finish_reason, done.prompt_tokens, done.completion_tokens) == ("stop", 11, 3)
    assert done.model == "scripted-1"


def test_the_first_piece_arrives_before_the_last_is_made(server, openai_chat, ask):
    server.script(text_reply("one", "two", "three", delay=0.2))
    started = time.monotonic()
    stream = openai_chat.stream(ask())
    next(stream)
    assert time.monotonic() - started < 0.45
    assert isinstance(list(stream)[-1], Done)


def test_requests_share_a_connection(server, openai_chat, ask):
    for _ in range(6):
        run(openai_chat, ask())
        time.sleep(0.02)
    assert server.connections == 1


def test_fragments_of_two_tool_calls_become_two_calls(server, openai_chat, ask):
    server.script(
        Reply(
            pieces=[
                call_fragment(0, name="current_time", call_id="a", arguments='{"time'),
                call_fragment(0, arguments='zone": "Asia/Seoul"}'),
                call_fragment(1, name="current_time", call_id="b", arguments="{}"),
            ],
            finish_reason="tool_calls",
        )
    )
    _, done, events = run(openai_chat, ask(tools=[CLOCK]))
    assert events[0] == ToolCalls(
        (ToolCall("a", "current_time", {"timezone": "Asia/Seoul"}), ToolCall("b", "current_time", {}))
    )
    assert done.finish_reason == "tool_calls"
    assert server.requests[0]["tools"][0]["function"]["name"] == "current_time"


def test_calls_without_index_or_id_are_still_told_apart(server, openai_chat, ask):
    pieces = [
        call_fragment(None, name="a", arguments="{}"),
        call_fragment(None, name="b", arguments='{"x": 1}'),
    ]
    server.script(Reply(pieces=pieces, finish_reason="stop"))
    _, done, events = run(openai_chat, ask(tools=[CLOCK]))
    assert [(c.name, c.arguments) for c in events[0].calls] == [("a", {}), ("b", {"x": 1})]
    assert len({c.id for c in events[0].calls}) == 2
    assert done.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("raw", "arguments", "broken"),
    [
        ("", {}, False),
        ('```json\n{"timezone": "UTC"}\n```', {"timezone": "UTC"}, False),
        ('{"timezone": "UTC"', {"timezone": "UTC"}, False),
        ("not json at all", {}, True),
        ("[1, 2]", {}, True),
    ],
)
def test_broken_arguments_are_repaired_or_emptied_and_said(server, openai_chat, ask, raw, arguments, broken):
    server.script(Reply(pieces=[call_fragment(0, name="current_time", call_id="a", arguments=raw)]))
    _, done, events = run(openai_chat, ask(tools=[CLOCK]))
    assert events[0].calls[0].arguments == arguments
    assert done.notes.get("broken_arguments", []) == (["current_time"] if broken else [])


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error_reply(401, "bad key sk-secret-key"), "auth"),
        (error_reply(403), "auth"),
        (error_reply(404, "model not found"), "bad_request"),
        (error_reply(400, "nonsense"), "bad_request"),
        (
            error_reply(400, "This model's maximum context length is 8192", "context_length_exceeded"),
            "context_length",
        ),
        (error_reply(400, "request (9000 tokens) exceeds the available context size"), "context_length"),
    ],
)
def test_refusals_say_what_to_do_and_never_show_the_key(server, openai_chat, ask, caplog, reply, kind):
    caplog.set_level(logging.DEBUG)
    server.script(reply)
    with pytest.raises(EngineError) as caught:
        run(openai_chat, ask())
    assert caught.value.kind == kind
    assert len(caught.value.message) > 20
    assert "sk-secret-key" not in caught.value.message + repr(caught.value) + caplog.text
    assert len(server.requests) == 1, "what cannot get better is not tried again"
    assert server.authorisations == ["Bearer sk-secret-key"]


def test_a_busy_server_is_asked_again_and_answers(server, openai_chat, ask):
    server.script(
        error_reply(429, headers={"Retry-After": "0.05"}), error_reply(500, headers={"Retry-After": "0"})
    )
    server.script(text_reply("at last"))
    text, _, _ = run(openai_chat, ask())
    assert text == "at last"
    assert len(server.requests) == 3


def test_a_failing_server_is_given_up_after_three_attempts(server, openai_chat, ask):
    server.script(*[error_reply(500, headers={"Retry-After": "0"})] * 5)
    with pytest.raises(EngineError) as caught:
        run(openai_chat, ask())
    assert (caught.value.kind, caught.value.retryable, len(server.requests)) == ("server", True, 3)


def test_nobody_listening_is_unreachable(connect, ask):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    engine = connect(f"http://127.0.0.1:{port}/v1", model="m")
    with pytest.raises(EngineError) as caught:
        run(engine, ask())
    assert caught.value.kind == "unreachable"


@pytest.mark.parametrize("then", ["break", "silent_end", "error_event"])
def test_a_stream_that_breaks_in_the_middle_keeps_what_came_and_is_not_repeated(
    server, openai_chat, ask, then
):
    server.script(text_reply("half an", then=then))
    stream = openai_chat.stream(ask())
    assert next(stream) == TextDelta("half an")
    with pytest.raises(EngineError) as caught:
        next(stream)
    assert caught.value.kind == "broken_stream"
    assert len(server.requests) == 1


def test_a_stream_that_breaks_before_its_first_piece_is_tried_again(server, openai_chat, ask):
    server.script(Reply(then="break"), text_reply("whole"))
    text, _, _ = run(openai_chat, ask())
    assert text == "whole"


def test_a_server_silent_for_too_long_is_a_timeout(server, openai_chat, ask):
    server.script(Reply(then="stall"))
    started = time.monotonic()
    with pytest.raises(EngineError) as caught:
        run(openai_chat, ask())
    assert caught.value.kind == "timeout"
    assert time.monotonic() - started < 2.5


def test_silence_after_the_first_piece_is_a_broken_stream(server, openai_chat, ask):
    server.script(text_reply("and then", then="stall"))
    with pytest.raises(EngineError) as caught:
        run(openai_chat, ask())
    assert caught.value.kind == "broken_stream"


def _stop_after(seconds):
    stop = threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    return stop, timer


@pytest.mark.parametrize(
    "reply",
    [text_reply("a", then="stall"), Reply(first_delay=20), text_reply(*"word " * 200, delay=0.1)],
    ids=["stalled", "before its headers", "while it speaks"],
)
def test_stopping_ends_the_answer_at_once_and_hangs_up(server, connect, ask, reply):
    engine = connect(server.base_url, model="scripted-1", timeout=30)
    server.script(reply)
    stop, timer = _stop_after(0.3)
    started = time.monotonic()
    _, done, _ = run(engine, ask(stop=stop))
    assert time.monotonic() - started < 0.6
    assert done.finish_reason == "stopped"
    assert server.hung_up.wait(1), "the server is told, so that it can stop generating"
    timer.join()


def test_a_caller_that_walks_away_hangs_up(server, openai_chat, ask):
    server.script(text_reply("a", then="stall"))
    stream = openai_chat.stream(ask())
    next(stream)
    stream.close()
    assert server.hung_up.wait(1)


def test_a_server_that_refuses_stream_options_and_temperature_is_asked_without_them(server, openai_chat, ask):
    server.script(
        error_reply(400, "unknown field stream_options"), error_reply(400, "temperature is not supported")
    )
    text, done, _ = run(openai_chat, ask(temperature=0.1))
    assert text == "ok"
    assert done.prompt_tokens is None
    run(openai_chat, ask(temperature=0.1))
    assert "stream_options" not in server.requests[-1], "what was refused once is not sent again"
    assert "temperature" not in server.requests[-1]
    assert len(server.requests) == 4


def test_a_model_without_tools_answers_without_them_and_says_so(server, openai_chat, ask):
    server.script(error_reply(400, "tiny does not support tools"))
    text, done, _ = run(openai_chat, ask(tools=[CLOCK]))
    assert (text, done.notes) == ("ok", {"tools_refused": True})


def test_a_model_is_held_to_one_tool_where_the_request_says_so(server, openai_chat, ask):
    server.script(Reply(pieces=[call_fragment(0, name="current_time", call_id="a", arguments="{}")]))
    _, done, events = run(openai_chat, ask(tools=[CLOCK], tool_choice="current_time"))
    assert [call.name for call in events[0].calls] == ["current_time"]
    assert done.finish_reason == "tool_calls"
    run(openai_chat, ask(tools=[CLOCK]))
    held, free = server.requests
    assert held["tool_choice"] == {"type": "function", "function": {"name": "current_time"}}
    assert "tool_choice" not in free, "else the model may choose"


def test_a_server_that_cannot_hold_a_model_to_a_tool_is_still_given_the_tools(server, openai_chat, ask):
    server.script(error_reply(400, "'tool_choice' must be one of: none, auto"))
    for _ in range(2):
        text, done, _events = run(openai_chat, ask(tools=[CLOCK], tool_choice="current_time"))
        assert (text, done.notes) == ("ok", {})
    assert ["tool_choice" in request for request in server.requests] == [True, False, False]
    assert all(request["tools"] for request in server.requests)


def test_any_other_fault_of_a_request_with_a_tool_is_no_reason_to_free_the_model(server, openai_chat, ask):
    server.script(error_reply(400, "the context is too long"))
    with pytest.raises(EngineError):
        run(openai_chat, ask(tools=[CLOCK], tool_choice="current_time"))
    run(openai_chat, ask(tools=[CLOCK], tool_choice="current_time"))
    assert ["tool_choice" in request for request in server.requests] == [True, True]


def test_max_tokens_takes_the_name_the_server_wants(server, openai_chat, ask):
    server.script(error_reply(400, "Unsupported: 'max_tokens'. Use 'max_completion_tokens' instead."))
    run(openai_chat, ask(max_tokens=50))
    assert server.requests[-1]["max_completion_tokens"] == 50
    assert "max_tokens" not in server.requests[-1]


def test_passages_are_shown_to_the_model_and_its_citations_are_noticed(server, openai_chat, ask):
    server.script(text_reply("It is blue [2]", ", not red [9]."))
    passages = [Passage(n, "knowledge", str(n), f"title {n}", f"content {n}", 0.5) for n in (1, 2)]
    _, done, _ = run(openai_chat, ask(passages=passages))
    assert done.cited == (2,)
    system = server.requests[0]["messages"][0]
    assert system["role"] == "system"
    assert "[2] (knowledge) title 2\ncontent 2" in system["content"]


def test_a_round_of_tools_is_written_as_the_protocol_wants(server, openai_chat):
    call = ToolCall("c1", "current_time", {"timezone": "Asia/Seoul"})
    messages = [
        ChatMessage("system", "be brief"),
        ChatMessage("user", "time?"),
        ChatMessage("assistant", "", (call,)),
        ChatMessage("tool", "10:00", tool_call_id="c1"),
    ]
    run(openai_chat, ChatRequest(messages=messages))
    sent = server.requests[0]["messages"]
    assert [m["role"] for m in sent] == ["system", "user", "assistant", "tool"]
    assert sent[2]["tool_calls"][0]["function"] == {
        "name": "current_time",
        "arguments": '{"timezone": "Asia/Seoul"}',
    }
    assert sent[3]["tool_call_id"] == "c1"


def test_without_a_configured_model_the_server_s_first_is_used(server, connect, ask):
    engine = connect(server.base_url)
    _, done, _ = run(engine, ask())
    assert (done.model, engine.model) == ("scripted-1", "scripted-1")


def test_twenty_answers_at_once_do_not_mix(server, connect, ask):
    engine, results = connect(server.base_url, api_key="k", model="scripted-1", timeout=30.0), {}

    def one(number):
        results[number] = run(engine, ask(f"n{number}"))[0]

    server.script(*[text_reply(*["x"] * 20, delay=0.01)] * 20)
    threads = [threading.Thread(target=one, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert results == dict.fromkeys(range(20), "x" * 20)
