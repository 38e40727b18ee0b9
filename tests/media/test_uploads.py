"""Files of media over REST: taken in by what they are, read back and deleted by their owner alone."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from media import services
from media.models import AudioMetadata, ImageMetadata, MediaObject, MediaTag, VideoMetadata
from tests.media.files import mp4, png, wav

pytestmark = pytest.mark.django_db
IMAGES, AUDIO, VIDEOS = (f"/api/v1/{kind}-metadata/" for kind in ("image", "audio", "video"))


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def put(api_of: Any) -> Any:
    def do(person: Any, where: str, data: bytes, name: str = "a.png", **fields: Any) -> Any:
        file = SimpleUploadedFile(name, data, content_type="text/html")
        return api_of(person).post(where, {"file": file, **fields}, format="multipart")

    return do


def test_an_image_is_stored_under_our_own_name_with_what_it_says_of_itself(put: Any, alice: Any) -> None:
    answer = put(alice, IMAGES, png(), "../../고양이 <b>.html", path="/etc/passwd", user=999)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["filename"], body["format"], body["width"], body["height"]) == (
        "고양이 <b>.html", "png", 64, 48,
    )  # fmt: skip
    row = ImageMetadata.objects.get()
    assert row.user == alice
    assert row.path.startswith(f"media/{alice.pk}/")
    assert row.path.endswith(".png")
    assert "고양이" not in row.path
    with default_storage.open(row.path) as file:
        assert file.read() == png()


def test_recordings_and_videos_tell_their_length(put: Any, alice: Any) -> None:
    sound = put(alice, AUDIO, wav(), "a.wav").json()
    assert (sound["format"], sound["duration"], sound["sample_rate"], sound["channels"]) == (
        "wav",
        2,
        8000,
        2,
    )
    seen = put(alice, VIDEOS, mp4(), "a.mp4").json()
    assert (seen["format"], seen["duration"], seen["resolution"], seen["fps"]) == ("mov", 1, "64x48", "10.00")
    assert (AudioMetadata.objects.get().user, VideoMetadata.objects.get().user) == (alice, alice)


def test_its_owner_gets_the_very_bytes_back_and_never_as_a_page(put: Any, alice: Any, api_of: Any) -> None:
    made = put(alice, IMAGES, png(), 'x".html').json()
    answer = api_of(alice).get(f"{IMAGES}{made['id']}/content/")
    assert b"".join(answer.streaming_content) == png()
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Cache-Control"] == "private, no-store"
    ImageMetadata.objects.update(format="text/html")
    answer = api_of(alice).get(f"{IMAGES}{made['id']}/content/")
    assert b"".join(answer.streaming_content) == png()  # read to its end, it is closed
    assert answer.headers["Content-Type"] == services.BINARY


def test_a_player_gets_the_part_it_asks_for_and_goes_on_where_it_left(
    put: Any, alice: Any, bob: Any, api_of: Any
) -> None:
    data = wav()
    address = f"{AUDIO}{put(alice, AUDIO, data, 'a.wav').json()['id']}/content/"
    AudioMetadata.objects.update(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    whole = api_of(alice).head(address)
    assert (whole.status_code, whole["Content-Length"], whole["Accept-Ranges"]) == (
        200,
        str(len(data)),
        "bytes",
    )
    for validator in (whole["ETag"], whole["Last-Modified"]):
        part = api_of(alice).get(address, headers={"range": "bytes=1000-1999", "if_range": validator})
        assert (part.status_code, part["Content-Range"]) == (206, f"bytes 1000-1999/{len(data)}")
        assert b"".join(part.streaming_content) == data[1000:2000]
        assert (part["Content-Type"], part["Cache-Control"]) == ("audio/wav", "private, no-store")
    assert api_of(bob).get(address, headers={"range": "bytes=0-1"}).status_code == 404
    assert api_of(alice).get(address, headers={"range": f"bytes={len(data)}-"}).status_code == 416


def test_the_same_bytes_put_in_twice_are_two_versions(put: Any, alice: Any, api_of: Any) -> None:
    tags = {
        api_of(alice).head(f"{IMAGES}{put(alice, IMAGES, png()).json()['id']}/content/")["ETag"]
        for _time in range(2)
    }
    assert len(tags) == 2


def test_for_others_it_does_not_exist(put: Any, alice: Any, bob: Any, api_of: Any, client: Any) -> None:
    address = f"{IMAGES}{put(alice, IMAGES, png()).json()['id']}/"
    for answer in (
        api_of(bob).get(address),
        api_of(bob).get(f"{address}content/"),
        api_of(bob).delete(address),
    ):
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert client.get(f"{address}content/").status_code == 401
    assert client.post(IMAGES, {"file": SimpleUploadedFile("a.png", png())}).status_code == 401
    assert default_storage.exists(ImageMetadata.objects.get().path)


def test_where_it_lies_cannot_be_said_over_rest(put: Any, alice: Any, bob: Any, api_of: Any) -> None:
    row = ImageMetadata.objects.get(pk=put(alice, IMAGES, png()).json()["id"])
    assert api_of(alice).patch(f"{IMAGES}{row.pk}/", {"path": "x"}).status_code == 405
    assert api_of(alice).put(f"{IMAGES}{row.pk}/", {"path": "x"}).status_code == 405
    assert api_of(alice).post(IMAGES, {"filename": "x", "path": row.path}).status_code == 415
    # a row that comes from elsewhere leads nobody out of their own folder either
    for path in (row.path, f"media/{bob.pk}/../{alice.pk}/x.png", "/etc/passwd", f"media/{bob.pk}/gone.png"):
        other = ImageMetadata.objects.create(user=bob, filename="b.png", path=path)
        answer = api_of(bob).get(f"{IMAGES}{other.pk}/content/")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_content"), path
        assert api_of(bob).delete(f"{IMAGES}{other.pk}/").status_code == 204
    assert default_storage.exists(row.path)


@pytest.mark.parametrize(
    ("where", "data"),
    [
        (IMAGES, b""),
        (IMAGES, b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        (IMAGES, b"\x89PNG\r\n\x1a\n and no more"),
        (IMAGES, b"#EXTM3U\nfile:///etc/passwd\n"),
        (AUDIO, png()),
        (VIDEOS, wav()),
        (VIDEOS, b"ffconcat version 1.0\nfile /etc/passwd\n"),
    ],
)
def test_what_is_no_such_file_is_refused_and_nothing_is_kept(
    put: Any, alice: Any, where: str, data: bytes, tmp_path: Path
) -> None:
    answer = put(alice, where, data, "looks-good.png")
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["file"])
    assert not any(model.objects.exists() for model in services.MODELS.values())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_too_large_a_file_is_refused_before_it_is_read(
    put: Any, alice: Any, api_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "LARGEST_FILE", 100)
    assert put(alice, IMAGES, png()).status_code == 413
    monkeypatch.setattr("media.api.WRAPPING", 0)
    monkeypatch.setattr(services, "store_upload", None)
    answer = put(alice, IMAGES, b"x" * 10_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_person_has_so_much_room_and_no_more(put: Any, alice: Any, bob: Any, settings: Any) -> None:
    settings.MEDIA_QUOTA_BYTES = len(png()) + len(wav())
    assert put(alice, IMAGES, png()).status_code == 201
    assert put(alice, AUDIO, wav(), "a.wav").status_code == 201
    answer = put(alice, IMAGES, png())
    assert (answer.status_code, answer.json()["code"]) == (409, "media_full")
    assert put(bob, IMAGES, png()).status_code == 201


def test_two_files_that_come_at_one_moment_do_not_take_more_room_than_there_is(
    put: Any, alice: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings.MEDIA_QUOTA_BYTES = len(png()) + 10
    looked = services.facts_of

    def meanwhile(*args: Any, **options: Any) -> dict[str, Any]:
        ImageMetadata.objects.create(user=alice, filename="other.png", path="x", size_bytes=11)
        return looked(*args, **options)

    monkeypatch.setattr(services, "facts_of", meanwhile)
    answer = put(alice, IMAGES, png())
    assert (answer.status_code, answer.json()["code"]) == (409, "media_full")
    assert [row.filename for row in ImageMetadata.objects.all()] == ["other.png"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_deleted_file_leaves_nothing(
    put: Any, alice: Any, api_of: Any, django_capture_on_commit_callbacks: Any
) -> None:
    row = ImageMetadata.objects.get(pk=put(alice, IMAGES, png()).json()["id"])
    MediaTag.objects.create(user=alice, media_type="image", media_id=row.pk, tag="cat")
    MediaObject.objects.create(
        user=alice, media_type="image", media_id=row.pk, object_class="cat", confidence="0.9"
    )
    with django_capture_on_commit_callbacks(execute=True):
        assert api_of(alice).delete(f"{IMAGES}{row.pk}/").status_code == 204
    assert not default_storage.exists(row.path)
    assert not MediaTag.objects.exists()
    assert not MediaObject.objects.exists()


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("C:\\pictures\\a.png", "a.png"),
        ("a\r\nSet-Cookie: x.png", "aSet-Cookie: x.png"),
        ("", "file"),
        ("가" * 300 + ".png", "가" * 251 + ".png"),
        ("x" * 300, "x" * 255),
    ],
)
def test_a_name_is_kept_for_showing_only(alice: Any, given: str, shown: str) -> None:
    file = SimpleUploadedFile("x", png())
    assert services.store_upload(owner=alice, kind="image", name=given, file=file).filename == shown
