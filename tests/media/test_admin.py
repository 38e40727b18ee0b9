"""The admin of media: operators see what there is, and what they delete is gone with its bytes."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse

from media import services
from media.models import AudioMetadata, MediaTag
from tests.media.files import wav

pytestmark = pytest.mark.django_db
LIST = "admin:media_audiometadata_changelist"


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def recordings(alice: Any) -> list[Any]:
    made = [
        services.store_upload(owner=alice, kind="audio", name=name, file=ContentFile(wav()))
        for name in ("a.wav", "b.wav")
    ]
    for row in made:
        MediaTag.objects.create(user=alice, media_type="audio", media_id=row.pk, tag="tone")
    return made


def test_a_file_deleted_on_its_page_takes_its_tags_and_its_bytes(
    recordings: list[Any], admin_user: Any, client_of: Any, django_capture_on_commit_callbacks: Any
) -> None:
    gone, left = recordings
    with django_capture_on_commit_callbacks(execute=True):
        address = reverse("admin:media_audiometadata_delete", args=[gone.pk])
        assert client_of(admin_user).post(address, {"post": "yes"}).status_code == 302
    assert [row.pk for row in AudioMetadata.objects.all()] == [left.pk]
    assert [tag.media_id for tag in MediaTag.objects.all()] == [left.pk]
    assert (default_storage.exists(gone.path), default_storage.exists(left.path)) == (False, True)


def test_files_deleted_in_the_list_leave_no_bytes(
    recordings: list[Any], admin_user: Any, client_of: Any, django_capture_on_commit_callbacks: Any
) -> None:
    asked = {
        "action": "delete_selected",
        "_selected_action": [row.pk for row in recordings],
        "post": "yes",
    }
    with django_capture_on_commit_callbacks(execute=True):
        client_of(admin_user).post(reverse(LIST), asked)
    assert not AudioMetadata.objects.exists()
    assert not MediaTag.objects.exists()
    assert not any(default_storage.exists(row.path) for row in recordings)


def test_where_a_file_lies_and_what_it_is_cannot_be_edited(
    recordings: list[Any], admin_user: Any, client_of: Any
) -> None:
    row = recordings[0]
    client = client_of(admin_user)
    address = reverse("admin:media_audiometadata_change", args=[row.pk])
    sent = {"filename": "새 이름.wav", "path": "/etc/passwd", "format": "mp3", "user": admin_user.pk}
    assert client.post(address, sent).status_code == 302
    changed = AudioMetadata.objects.get(pk=row.pk)
    assert changed.filename == "새 이름.wav"
    assert (changed.path, changed.format, changed.user_id) == (row.path, "wav", row.user_id)
    assert client.get(reverse("admin:media_audiometadata_add")).status_code == 403
