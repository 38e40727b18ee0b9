"""What the scanner held back: sealed, shown to its owner, decided on by operators."""

import io
import os
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from agi_site.lib.problems import Conflict, Forbidden, NotFound
from sandbox import files
from sandbox.files import quarantine, sealed, storing
from sandbox.models import QuarantineStatus, SandboxEvent, SandboxQuarantine
from sandbox.snapshots import backups
from system.models import Log

from .fixtures_files import EICAR

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(box: Any, alice: Any, workspace: Any) -> SandboxQuarantine:
    """A file of Alice's that was held back on its way in."""
    with pytest.raises(files.Quarantined) as refused:
        files.write_file(sandbox=box, by=alice, path="bad.com", content=EICAR)
    return refused.value.row


def stored(row: SandboxQuarantine) -> bytes:
    with storing.open_stored(row.storage_path) as file:
        return file.read()


def test_a_held_file_has_a_row_an_event_and_a_sealed_copy(held, box, alice, workspace):
    assert workspace.tree() == {}
    assert SandboxQuarantine.objects.for_user(alice).get() == held
    assert (held.path, held.rule, held.status, held.size_bytes) == ("bad.com", "EICAR_test_file", "held", 68)
    event = SandboxEvent.objects.get(sandbox=box, kind="quarantined")
    assert event.data == {"path": "bad.com", "direction": "in", "rule": "EICAR_test_file", "id": held.pk}
    assert EICAR not in stored(held)
    assert held.storage_path == f"sandbox/quarantine/{held.pk}"


def test_the_refusal_says_what_and_what_to_do(held, box, alice):
    with pytest.raises(files.Quarantined) as refused:
        files.write_file(sandbox=box, by=alice, path="bad.com", content=EICAR)
    message = str(refused.value.message)
    assert refused.value.code == "quarantined"
    assert all(part in message for part in ("bad.com", "EICAR_test_file", "operator"))


def test_asking_again_keeps_no_second_copy(held, box, alice, bob, new_sandbox, operator):
    def refused(by, sandbox, path="bad.com"):
        with pytest.raises(files.Quarantined) as refusal:
            files.write_file(sandbox=sandbox, by=by, path=path, content=EICAR)
        return refusal.value.row

    assert refused(alice, box) == held
    assert SandboxEvent.objects.filter(kind="quarantined").count() == 1
    assert len({held.pk, refused(alice, box, "other.com").pk, refused(bob, new_sandbox(bob)).pk}) == 3
    files.remove_quarantined(quarantined=held, by=operator)
    assert refused(alice, box) != held


def test_an_operator_opens_it_and_that_is_recorded(held, operator):
    opened = files.open_quarantined(quarantined=held, by=operator)
    assert b"".join(opened) == EICAR
    assert opened.name.endswith(".quarantined")
    assert Log.objects.filter(component="sandbox", message__contains=f"{held.pk} was opened").exists()


def test_others_decide_nothing(held, alice, bob):
    for person in (alice, bob):
        for door in (files.release_quarantined, files.remove_quarantined, files.open_quarantined):
            with pytest.raises(Forbidden):
                door(quarantined=held, by=person)


def test_released_content_passes_from_then_on(held, operator, box, alice, bob, new_sandbox, workspace):
    files.release_quarantined(quarantined=held, by=operator)
    files.write_file(sandbox=box, by=alice, path="bad.com", content=EICAR)
    files.write_file(sandbox=new_sandbox(bob), by=bob, path="other.com", content=EICAR)
    with pytest.raises(files.Quarantined):  # other content with the same finding
        files.write_file(sandbox=box, by=alice, path="bad.com", content=EICAR + b"\n")
    assert SandboxEvent.objects.filter(sandbox=box, kind="quarantine_released").exists()
    with pytest.raises(Conflict):
        files.release_quarantined(quarantined=held, by=operator)


def test_a_removed_copy_is_gone_and_its_row_stays(
    held, operator, box, alice, workspace, django_capture_on_commit_callbacks
):
    files.release_quarantined(quarantined=held, by=operator)
    where = held.storage_path
    with django_capture_on_commit_callbacks(execute=True):
        files.remove_quarantined(quarantined=held, by=operator)
    assert not storing.storage().exists(where)
    held.refresh_from_db()
    assert (held.status, held.storage_path) == (QuarantineStatus.REMOVED, None)
    with pytest.raises(NotFound):
        files.open_quarantined(quarantined=held, by=operator)
    with pytest.raises(files.Quarantined):  # no longer released
        files.write_file(sandbox=box, by=alice, path="bad.com", content=EICAR)
    with pytest.raises(Conflict):
        files.remove_quarantined(quarantined=held, by=operator)


def test_a_copy_that_was_touched_is_not_handed_out(held, operator, tmp_path):
    data = bytearray(stored(held))
    data[-1] ^= 1
    storing.discard(held.storage_path)
    storing.storage().save(held.storage_path, io.BytesIO(bytes(data)))
    with pytest.raises(Conflict, match="damaged"):
        files.open_quarantined(quarantined=held, by=operator)


def test_old_copies_go_and_their_rows_stay(held):
    assert quarantine.prune() == 0
    SandboxQuarantine.objects.update(created_at=timezone.now() - timedelta(days=91))
    assert quarantine.prune() == 1
    assert not storing.storage().exists(held.storage_path)
    assert SandboxQuarantine.objects.get().status == QuarantineStatus.REMOVED


def test_copies_that_no_row_knows_are_swept_once_they_are_old(held, monkeypatch):
    SandboxQuarantine.objects.all().delete()
    backups.sweep_storage()
    assert storing.storage().exists(held.storage_path)
    monkeypatch.setattr(backups, "GRACE", timedelta(0))
    backups.sweep_storage()
    assert not storing.storage().exists(held.storage_path)


# --- Sealing ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [0, 1, sealed.BLOCK, sealed.BLOCK + 1, 3 * sealed.BLOCK + 77])
def test_sealed_bytes_come_back(size):
    content = os.urandom(size)
    closed = b"".join(sealed.seal(content[at : at + 70_000] for at in range(0, size, 70_000)))
    assert content[:64] not in closed or size < 64
    assert b"".join(sealed.unseal(io.BytesIO(closed))) == content


def test_sealed_bytes_can_be_neither_cut_nor_swapped_nor_changed():
    closed = b"".join(sealed.seal([os.urandom(3 * sealed.BLOCK)]))
    head = closed.index(b"\n") + 1
    block = sealed.BLOCK + sealed.TAG
    swapped = (
        closed[:head]
        + closed[head + block : head + 2 * block]
        + closed[head : head + block]
        + closed[head + 2 * block :]
    )
    cut = closed[: head + 2 * block]
    for bad in (swapped, cut, closed[:-1], closed + b"x", closed[:-5] + b"12345", b"", b"{}\n", b"no head"):
        with pytest.raises(sealed.Damaged):
            b"".join(sealed.unseal(io.BytesIO(bad)))


def test_a_rotated_ring_still_opens_what_the_old_key_sealed(settings):
    closed = b"".join(sealed.seal([b"old"]))
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *settings.ENCRYPTION_KEYS]
    assert b"".join(sealed.unseal(io.BytesIO(closed))) == b"old"
