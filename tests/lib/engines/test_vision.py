"""Pictures on the wire of OpenAI-compatible servers, and finding out who takes them."""

import base64
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from agi_site.lib.engines.base import ChatMessage, ChatRequest, EngineError, Picture, TextDelta
from agi_site.lib.engines.openai_chat import OpenAIChat
from agi_site.lib.engines.tokens import picture_tokens
from agi_site.lib.engines.vision import Sight, declared

from .scripted_server import ScriptedServer, error_reply, scripted_server, text_reply

DATA = b"\xff\xd8 the bytes of a picture"
PICTURE = Picture("p1", "cat.jpg", 64, 48, DATA)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def engine(server: ScriptedServer) -> Iterator[OpenAIChat]:
    chat = OpenAIChat(base_url=server.base_url, model="scripted-1", timeout=5.0, vision="on")
    yield chat
    chat.close()


def asked(*messages: ChatMessage) -> ChatRequest:
    return ChatRequest([ChatMessage("system", "Be brief."), *messages])


def said(engine: OpenAIChat, request: ChatRequest) -> str:
    return "".join(event.text for event in engine.stream(request) if isinstance(event, TextDelta))


def test_a_picture_is_a_part_of_its_message(server: ScriptedServer, engine: OpenAIChat) -> None:
    server.script(text_reply("A cat."))
    assert said(engine, asked(ChatMessage("user", "What is it?", pictures=(PICTURE,)))) == "A cat."
    words, picture = server.requests[0]["messages"][1]["content"]
    assert words == {"type": "text", "text": "What is it?"}
    head, _comma, data = picture["image_url"]["url"].partition(",")
    assert (picture["type"], head, base64.b64decode(data)) == ("image_url", "data:image/jpeg;base64", DATA)


def test_messages_without_pictures_stay_plain_text(server: ScriptedServer, engine: OpenAIChat) -> None:
    alone = ChatMessage("user", "", pictures=(PICTURE,))
    said(engine, asked(ChatMessage("user", "Hello"), ChatMessage("assistant", "Hi"), alone))
    contents = [message["content"] for message in server.requests[0]["messages"]]
    assert contents[:3] == ["Be brief.", "Hello", "Hi"]
    assert [part["type"] for part in contents[3]] == ["image_url"]


def test_the_model_is_told_of_what_it_does_not_get(server: ScriptedServer, engine: OpenAIChat) -> None:
    said(engine, asked(ChatMessage("user", "What is it?", unseen=('a".png', "b.png"))))
    content = server.requests[0]["messages"][1]["content"]
    assert content.startswith("What is it?")
    assert r'"a\".png", "b.png"' in content
    assert "never guess" in content


@pytest.mark.parametrize(
    "refusal",
    [
        error_reply(400, "Invalid content type. image_url is only supported by certain models."),
        error_reply(400, "bad request"),
        error_reply(404, "No endpoints found that support image input"),
        error_reply(413, "payload too large"),
        error_reply(415, "unsupported"),
        error_reply(500, "image input is not supported - hint: you may need to provide the mmproj"),
    ],
)
def test_a_server_that_takes_no_pictures_is_told_with_what_to_do(
    server: ScriptedServer, engine: OpenAIChat, refusal: Any
) -> None:
    server.script(refusal)
    with pytest.raises(EngineError) as caught:
        said(engine, asked(ChatMessage("user", "Look", pictures=(PICTURE,))))
    assert "CHAT_VISION=off" in caught.value.message
    assert len(server.requests) == 1  # asking again would not help


def test_too_long_a_prompt_is_still_told_as_that(server: ScriptedServer, engine: OpenAIChat) -> None:
    server.script(error_reply(400, "maximum context length is 100 tokens"))
    with pytest.raises(EngineError) as caught:
        said(engine, asked(ChatMessage("user", "Look", pictures=(PICTURE,))))
    assert caught.value.kind == "context_length"


def test_without_pictures_a_refusal_is_told_as_before(server: ScriptedServer, engine: OpenAIChat) -> None:
    server.script(error_reply(400, "no image"))
    with pytest.raises(EngineError) as caught:
        said(engine, asked(ChatMessage("user", "Look")))
    assert "CHAT_VISION" not in caught.value.message


def test_no_log_holds_the_bytes(
    server: ScriptedServer, engine: OpenAIChat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(text_reply("ok"), error_reply(400, "no image"))
    request = asked(ChatMessage("user", "Look", pictures=(PICTURE,)))
    said(engine, request)
    with pytest.raises(EngineError):
        said(engine, request)
    data = base64.b64encode(DATA).decode()
    assert data not in caplog.text
    assert "the bytes" not in caplog.text + repr(request)


# --- Who sees -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("row", "sees"),
    [
        ({"id": "m", "architecture": {"input_modalities": ["text", "image"]}}, True),
        ({"id": "m", "architecture": {"input_modalities": ["text"]}}, False),
        ({"id": "m", "capabilities": {"vision": True}}, True),
        ({"id": "m", "capabilities": ["completion", "multimodal"]}, True),
        ({"id": "m", "capabilities": ["completion", "tools"]}, False),
        ({"id": "m", "type": "vlm"}, True),
        ({"id": "m", "type": "llm"}, False),
        ({"id": "m", "supports_vision": True}, True),
        ({"id": "m", "object": "model"}, None),
        ("nonsense", None),
    ],
)
def test_servers_say_it_in_many_ways(row: Any, sees: bool | None) -> None:
    assert declared(row) is sees


@pytest.mark.parametrize(
    ("model", "sees"),
    [
        *((name, True) for name in ("gpt-4o-mini", "claude-sonnet-4", "gemini-2.0-flash", "gemma3:4b")),
        *((name, True) for name in ("qwen2.5-vl-7b", "Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5vl:7b")),
        *((name, True) for name in ("llava:13b", "llama3.2-vision", "pixtral-12b", "qwen3-vl:8b")),
        *((name, False) for name in ("qwen3:8b", "llama3.1", "mistral", "gemma3:1b", "gpt-3.5-turbo")),
        *((name, False) for name in ("deepseek-r1", "phi4", "scripted-1", "smollm2-135m-instruct")),
    ],
)
def test_where_a_server_says_nothing_its_models_family_tells(model: str, sees: bool) -> None:
    assert Sight("auto", lambda _path, _body: {"data": [{"id": model}]}).of(model) is sees


def test_what_is_set_stands_without_asking() -> None:
    def ask(_path: str, _body: Any) -> Any:
        raise AssertionError("it was asked")

    assert Sight("on", ask).of("mistral")
    assert not Sight("off", ask).of("gpt-4o")


def test_a_server_is_asked_once_for_a_while(server: ScriptedServer) -> None:
    server.models = ["gpt-4o"]
    chat = OpenAIChat(base_url=server.base_url, timeout=5.0, vision="auto")
    assert chat.sees()
    server.models = ["mistral"]
    assert chat.sees()
    chat.close()


def test_ollama_tells_at_another_address() -> None:
    told = {"/models": {"data": [{"id": "some:7b", "owned_by": "library"}]}}
    shown = {"some:7b": {"capabilities": ["completion", "vision"]}}
    asked_for: list[str] = []

    def ask(path: str, body: Any) -> Any:
        asked_for.append(path)
        return told[path] if body is None else shown[body["model"]]

    assert Sight("auto", ask).of("some:7b")
    assert asked_for == ["/models", "/../api/show"]


def test_a_server_that_is_away_is_taken_for_blind() -> None:
    chat = OpenAIChat(base_url="http://127.0.0.1:1/v1", model="mistral", vision="auto")
    assert not chat.sees()
    chat.close()


def test_a_picture_counts_by_its_size() -> None:
    assert picture_tokens(28, 28) == 86
    assert picture_tokens(1568, 1568) == 85 + 56 * 56
