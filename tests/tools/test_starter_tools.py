"""The starter tools that look outside: the web, memories, media; each against the real thing."""

import io
import threading
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import av
import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from agi_site.lib.problems import Invalid
from knowledge.services import remember
from media.models import AudioMetadata, ImageMetadata, VideoMetadata
from tools import services
from tools.builtin.code import as_failure
from tools.models import ToolExecution
from tools.registry import ToolFailure

PAGE = """<!doctype html><html><head><title>Tea &amp; more</title><script>alert(1)</script></head>
<body><h1>Green tea</h1><p>Steep at <b>80</b> °C.</p><ul><li>one</li><li>two</li></ul>
<style>p{}</style></body></html>"""


@pytest.fixture
def run(alice: Any) -> Callable[..., ToolExecution]:
    services.sync_registry()

    def call(name: str, **arguments: Any) -> ToolExecution:
        return services.run_tool(user=alice, name=name, arguments=arguments, language="en")

    return call


class _Pages(BaseHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Nothing to say."""

    def do_GET(self) -> None:
        if self.path == "/away":
            self.send_response(302)
            self.send_header("location", "http://169.254.169.254/latest/meta-data/")
            self.end_headers()
            return
        body = b"\x89PNG" if self.path == "/image" else PAGE.encode()
        self.send_response(200)
        self.send_header("content-type", "image/png" if self.path == "/image" else "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


# --- The web ----------------------------------------------------------------
def test_reading_pages_is_off_and_says_how_to_switch_it_on(run: Any, site: str) -> None:
    failed = run("web_fetch", url=site)
    assert "WEB_FETCH_HOSTS" in failed.error_message


def test_a_page_is_read_as_text(run: Any, site: str, settings: Any) -> None:
    settings.WEB_FETCH_HOSTS = settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    done = run("web_fetch", url=f"{site}/tea")
    assert (done.status, done.error_message) == ("completed", None)
    assert done.result["title"] == "Tea & more"
    assert "Green tea" in done.result["text"]
    assert "Steep at 80 °C." in done.result["text"]
    assert "- one" in done.result["text"]
    assert "alert" not in done.result["text"]
    assert run("web_fetch", url=f"{site}/image").status == "failed"


def test_hosts_off_the_list_and_ways_inside_are_refused(run: Any, site: str, settings: Any) -> None:
    settings.WEB_FETCH_HOSTS = ["docs.example.com"]
    assert "docs.example.com" not in run("web_fetch", url=site).error_message
    settings.WEB_FETCH_HOSTS = ["*"]
    assert "OUTBOUND_PRIVATE_HOSTS" in run("web_fetch", url=site).error_message
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    assert run("web_fetch", url=f"{site}/away").status == "failed"


# --- Memory -----------------------------------------------------------------
@pytest.mark.django_db(transaction=True)  # MariaDB finds words after the commit only
def test_memories_are_found_and_only_ones_own(run: Any, alice: Any, bob: Any) -> None:
    for person, text in ((alice, "I like green tea best"), (bob, "I like green tea, too")):
        remember(owner=person, type="preference", content=text)
    found = run("memory_search", query="green tea").result["results"]
    assert [one["snippet"] for one in found] == ["I like green tea best"]


def test_without_a_question_those_memories_come_first_that_matter_most(
    run: Any, alice: Any, bob: Any
) -> None:
    for importance, text in (
        ("0.3", "I had green tea in Jeju"),
        ("0.9", "My name is Alice"),
        ("0.6", "I work in Busan"),
    ):
        remember(owner=alice, type="semantic", content=text, importance=importance)
    remember(owner=bob, type="semantic", content="My name is Bob", importance="1.0")
    found = run("memory_search", limit=2).result["results"]
    assert [one["snippet"] for one in found] == ["My name is Alice", "I work in Busan"]


# --- Media ------------------------------------------------------------------
def stored(user: Any, name: str, data: bytes) -> str:
    return default_storage.save(f"media/{user.pk}/{name}", ContentFile(data))


def test_an_image_tells_its_size_and_format(run: Any, alice: Any, bob: Any) -> None:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(data, "PNG")
    row = ImageMetadata.objects.create(
        user=alice, filename="a.png", path=stored(alice, "a.png", data.getvalue())
    )
    facts = run("image_info", media_id=row.pk).result
    assert (facts["format"], facts["width"], facts["height"], facts["frames"]) == ("png", 64, 48, 1)

    other = ImageMetadata.objects.create(user=bob, filename="b.png", path=row.path)
    assert run("image_info", media_id=other.pk).status == "failed"
    ImageMetadata.objects.filter(pk=row.pk).update(path=f"media/{bob.pk}/../../agi.sqlite3")
    assert run("image_info", media_id=row.pk).status == "failed"
    assert run("image_info").status == "failed"


def test_a_recording_tells_its_length_and_channels(run: Any, alice: Any) -> None:
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0" * 8000 * 4)
    row = AudioMetadata.objects.create(
        user=alice, filename="a.wav", path=stored(alice, "a.wav", data.getvalue())
    )
    facts = run("audio_info", media_id=row.pk).result
    assert (facts["format"], facts["seconds"]) == ("wav", 1.0)
    assert (facts["audio"][0]["sample_rate"], facts["audio"][0]["channels"]) == (8000, 2)


def test_a_video_tells_its_size_and_rate(run: Any, alice: Any) -> None:
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _number in range(10):
            file.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24"))
            )
        file.mux(stream.encode(None))
    row = VideoMetadata.objects.create(
        user=alice, filename="a.mp4", path=stored(alice, "a.mp4", data.getvalue())
    )
    facts = run("video_info", media_id=row.pk).result
    assert "mp4" in facts["format"]
    assert (facts["video"][0]["width"], facts["video"][0]["height"]) == (64, 48)
    assert facts["video"][0]["frames_per_second"] == 10


@pytest.mark.parametrize("kind", ["image", "audio", "video"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not media at all",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
)
def test_what_is_no_media_says_so(run: Any, alice: Any, kind: str, data: bytes) -> None:
    model = {"image": ImageMetadata, "audio": AudioMetadata, "video": VideoMetadata}[kind]
    row = model.objects.create(user=alice, filename="x", path=stored(alice, "x", data))
    failed = run(f"{kind}_info", media_id=row.pk)
    assert failed.status == "failed"
    assert "root:" not in failed.error_message
    assert " object at 0x" not in failed.error_message


def test_what_a_sandbox_refuses_is_said_once() -> None:
    with pytest.raises(ToolFailure, match=r"\ANo such file\.\Z"), as_failure():
        raise Invalid("No such file.", errors={"path": ["No such file."]})
    with pytest.raises(ToolFailure, match=r"\AWrong\. Too long\.\Z"), as_failure():
        raise Invalid("Wrong.", errors={"path": ["Too long."]})
