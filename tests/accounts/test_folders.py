"""Files of people who are gone go, those of others stay."""

from pathlib import Path
from typing import Any

import pytest

from accounts.folders import remove_folders_of_gone
from system.queue import registry

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def test_files_of_the_gone_are_deleted_with_their_folder_and_others_stay(
    root: Path, alice: Any, bob: Any
) -> None:
    kept, gone, other = root / f"media/{bob.pk}", root / f"media/{alice.pk}", root / "media/shared"
    for folder in (kept, gone / "deeper", other):
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(b"a")
    (gone / "b.png").write_bytes(b"b")
    alice.delete()

    assert remove_folders_of_gone("media") == 2
    assert not gone.exists()
    assert (kept / "a.png").exists()
    assert (other / "a.png").exists()
    assert remove_folders_of_gone("media") == 0


def test_where_nothing_was_ever_stored_there_is_nothing_to_do(root: Path) -> None:
    assert remove_folders_of_gone("media") == 0


@pytest.mark.parametrize("name", ["media.remove_folders", "creative.remove_folders"])
def test_the_clock_looks_after_both_kinds_of_files(root: Path, alice: Any, name: str) -> None:
    folder = root / name.partition(".")[0] / "4194304"
    folder.mkdir(parents=True)
    (folder / "a.md").write_text("a")
    registry.periodic_jobs()[name][1]()
    assert not folder.exists()
