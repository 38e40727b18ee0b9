"""A work that is deleted leaves none of its contents in the store."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse

from creative import services
from creative.models import CreativeVersion, CreativeWork

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def work(alice: Any) -> CreativeWork:
    """One with an earlier version, and a version that names a file of somebody else."""
    made = services.create_work(owner=alice, kind="text", title="가을", content="낙엽")
    for number, path in ((2, f"creative/{alice.pk}/second.md"), (3, "creative/999/other.md")):
        stored = default_storage.save(path, ContentFile(b"x"))
        CreativeVersion.objects.create(work=made, version_number=number, content_ref=stored)
    return made


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in tmp_path.rglob("*") if path.is_file()]


def test_over_rest(
    work: CreativeWork,
    alice: Any,
    bob: Any,
    api_of: Any,
    tmp_path: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    address = f"/api/v1/creative-works/{work.pk}/"
    with django_capture_on_commit_callbacks(execute=True):
        assert api_of(bob).delete(address).status_code == 404
        assert len(left(tmp_path)) == 3
        assert api_of(alice).delete(address).status_code == 204
    assert not CreativeVersion.objects.exists()
    assert left(tmp_path) == ["other.md"]


def test_by_an_operator(
    work: CreativeWork,
    admin_user: Any,
    client_of: Any,
    tmp_path: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    client = client_of(admin_user)
    change = reverse("admin:creative_creativework_change", args=[work.pk])
    assert 'name="content_ref"' not in client.get(change).content.decode()
    asked = {"action": "delete_selected", "_selected_action": [work.pk], "post": "yes"}
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("admin:creative_creativework_changelist"), asked)
    assert not CreativeWork.objects.exists()
    assert left(tmp_path) == ["other.md"]
