"""The pages of media: files of any kind put in, seen, heard in parts, and deleted by their owner alone."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from media import services
from media.models import AudioMetadata, ImageMetadata, MediaTag, VideoMetadata, clock
from tests.media.files import mp4, png, wav

pytestmark = pytest.mark.django_db
LIST = "/media/"


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def put(client_of: Any) -> Any:
    def do(person: Any, *files: tuple[str, bytes], **options: Any) -> Any:
        sent = [SimpleUploadedFile(name, data, content_type="text/html") for name, data in files]
        return client_of(person).post(LIST, {"files": sent}, **options)

    return do


@pytest.fixture
def recording(alice: Any) -> AudioMetadata:
    return services.store_upload(owner=alice, kind="audio", name="바다 🌊.wav", file=ContentFile(wav()))


def address(row: Any, verb: str = "detail") -> str:
    return reverse(f"media:{verb}", args=[services.kind_of(row), row.pk])


def text_of(client: Any, path: str, **query: Any) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_files_become_what_their_bytes_are_whatever_they_are_called(put: Any, alice: Any) -> None:
    answer = put(alice, ("그림.mp3", png()), ("tone.png", wav()), ("film", mp4()))
    assert (answer.status_code, answer["Location"]) == (302, f"{LIST}?kind=video")
    assert (ImageMetadata.objects.get().filename, ImageMetadata.objects.get().format) == ("그림.mp3", "png")
    assert AudioMetadata.objects.get().filename == "tone.png"
    assert VideoMetadata.objects.get().filename == "film"


def test_what_is_not_taken_is_told_by_name_and_the_others_are_kept(
    put: Any, alice: Any, client_of: Any
) -> None:
    files = ("a.pdf", b"%PDF-1.4"), ("empty.png", b""), ("b.png", png())
    text = put(alice, *files, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in text  # the part of the page that changes
    assert "a.pdf: This is no image, recording or video that can be taken." in text
    assert "empty.png: The file is empty." in text
    assert ImageMetadata.objects.get().filename == "b.png"
    answer = client_of(alice).post(LIST, {"files": [SimpleUploadedFile("c.png", b"")]}, follow=True)
    assert "c.png: The file is empty." in answer.content.decode()
    assert "Choose from 1 to 20 files." in client_of(alice).post(LIST, {}, follow=True).content.decode()


def test_a_list_shows_one_s_own_files_of_a_kind(
    recording: AudioMetadata, alice: Any, bob: Any, client_of: Any, django_assert_max_num_queries: Any
) -> None:
    client = client_of(alice)
    with django_assert_max_num_queries(12):
        assert "바다 🌊.wav" in text_of(client, LIST, kind="audio")
    assert "바다" not in text_of(client, LIST)
    assert "바다" not in text_of(client, LIST, kind="nonsense")
    assert "바다" not in text_of(client_of(bob), LIST, kind="audio")


def test_a_file_s_page_shows_it_and_what_it_says_of_itself(
    recording: AudioMetadata, alice: Any, client_of: Any
) -> None:
    MediaTag.objects.create(user=alice, media_type="audio", media_id=recording.pk, tag="sea")
    text = text_of(client_of(alice), address(recording))
    assert f'<audio class="media-view" src="{address(recording, "content")}"' in text
    for fact in ("audio/wav", "0:02", "8000 Hz", "sea", recording.pk):
        assert fact in text


def test_formats_that_browsers_do_not_show_are_offered_for_download(alice: Any, client_of: Any) -> None:
    row = services.store_upload(owner=alice, kind="image", name="a.tif", file=ContentFile(png("TIFF")))
    text = text_of(client_of(alice), address(row))
    assert 'id="cannot-show" role="status">This file cannot be shown here.' in text
    assert "<img" not in text
    assert "<img" not in text_of(client_of(alice), LIST)


def test_a_player_on_the_page_gets_the_part_it_asks_for(
    recording: AudioMetadata, alice: Any, client_of: Any
) -> None:
    answer = client_of(alice).get(address(recording, "content"), headers={"range": "bytes=-10"})
    assert (answer.status_code, b"".join(answer.streaming_content)) == (206, wav()[-10:])
    assert answer["Content-Disposition"].startswith("attachment; ")


def test_a_file_is_deleted_once_that_was_asked(
    recording: AudioMetadata, alice: Any, client_of: Any, django_capture_on_commit_callbacks: Any
) -> None:
    client = client_of(alice)
    assert "Delete this file?" in text_of(client, address(recording, "delete"))
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(address(recording, "delete"))
    assert answer["Location"] == f"{LIST}?kind=audio"
    assert not AudioMetadata.objects.exists()
    assert not default_storage.exists(recording.path)


def test_for_others_there_is_no_such_file(
    recording: AudioMetadata, bob: Any, client_of: Any, client: Any
) -> None:
    for verb in ("detail", "content", "delete"):
        assert client_of(bob).get(address(recording, verb)).status_code == 404
        assert client.get(address(recording, verb)).status_code == 302
    assert client_of(bob).post(address(recording, "delete")).status_code == 404
    assert client_of(bob).get(f"{LIST}picture/{recording.pk}/").status_code == 404
    assert AudioMetadata.objects.exists()


def test_lengths_are_shown_as_players_show_them() -> None:
    assert [clock(seconds) for seconds in (None, 0, 65, 3605)] == ["", "0:00", "1:05", "1:00:05"]
