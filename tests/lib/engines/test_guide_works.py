"""The guide and works: what is to be kept, which file is asked about, and how the outcome is told."""

import json
from typing import Any

import pytest

from agi_site.lib.engines.base import Analysis, ToolCall, ToolSpec
from agi_site.lib.engines.guide.results import phrase
from agi_site.lib.engines.guide.routing import route

NAMES = ("create_creative_work", "image_info", "audio_info", "video_info", "read_file", "write_file")
TOOLS = [ToolSpec(name, "", {"type": "object"}) for name in NAMES]
NOTHING = Analysis("en", [], [], 0.0, "neutral", {}, "neutral", 0.0)
MEDIA = "01a22868-2570-76d6-b887-5c8dc65dd1e1"


def called(text: str) -> tuple[str, dict[str, Any]] | None:
    call = route(text, NOTHING, TOOLS)
    return (call.name, call.arguments) if call else None


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        (
            'Save this poem called "Spring": Rain falls.\nIt is warm.',
            "create_creative_work",
            {"title": "Spring", "content": "Rain falls.\nIt is warm.", "kind": "text"},
        ),
        (
            'Please keep the script titled "Hello": print(1)',
            "create_creative_work",
            {"title": "Hello", "content": "print(1)", "kind": "code"},
        ),
        (
            "“봄비” 시를 보관해 줘: 비가 온다.",
            "create_creative_work",
            {"title": "봄비", "content": "비가 온다.", "kind": "text"},
        ),
        ("How large is pictures/cat.png?", "image_info", {"path": "pictures/cat.png"}),
        ("cat.jpg 이미지 정보 알려 줘", "image_info", {"path": "cat.jpg"}),
        ("What is the duration of talk.mp3?", "audio_info", {"path": "talk.mp3"}),
        ("clip.mp4는 몇 초야?", "video_info", {"path": "clip.mp4"}),
        (f"What format has the image {MEDIA}?", "image_info", {"media_id": MEDIA}),
        (f"녹음 {MEDIA}의 길이는?", "audio_info", {"media_id": MEDIA}),
        (f"영상 {MEDIA}에 대해 알려줘", "video_info", {"media_id": MEDIA}),
        (
            "Write about our size in notes.txt",
            "write_file",
            {"path": "notes.txt", "content": "about our size"},
        ),
        ("Read the file notes.txt", "read_file", {"path": "notes.txt"}),
    ],
)
def test_a_request_becomes_a_call(text: str, name: str, arguments: dict[str, str]) -> None:
    assert called(text) == (name, arguments)


@pytest.mark.parametrize(
    "text",
    [
        "Write a poem about spring.",
        "Save the date: 4 March",
        "Which image formats do you know?",
        "Tell me about the video of last week.",
        "“봄비”는 누가 썼어?",
    ],
)
def test_what_only_speaks_of_works_is_left_alone(text: str) -> None:
    assert called(text) is None


@pytest.mark.parametrize(
    ("name", "result", "language", "expected"),
    [
        ("create_creative_work", {"id": "a", "title": "봄비"}, "ko", "“봄비”을(를) 작품으로 보관했습니다."),
        (
            "image_info",
            {"name": "cat.png", "size_bytes": 6800, "width": 640, "exif": {}, "has_place": False},
            "en",
            "This is known of cat.png:\n\n- size: 6,800 B\n- width: 640",
        ),
        (
            "video_info",
            {"name": "a.mp4", "video": [{"codec": "h264", "frames": None, "width": 640}], "has_place": True},
            "ko",
            "a.mp4의 정보입니다:\n\n- 영상: 코덱 h264, 너비 640\n- 찍은 곳이 들어 있음",
        ),
    ],
)
def test_the_outcome_is_told(name: str, result: dict[str, Any], language: str, expected: str) -> None:
    assert phrase(ToolCall("1", name, {}), json.dumps(result), language) == expected
