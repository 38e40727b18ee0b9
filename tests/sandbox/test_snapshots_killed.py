"""A worker killed in the midst of a restore, with the real engine: the old workspace is whole, or the new."""

import io

import pytest

from sandbox import snapshots
from sandbox.files import storing
from sandbox.models import SandboxEvent, SnapshotStatus
from sandbox.snapshots import restoring
from system import queue
from system.models import TaskQueue, TaskStatus
from tests.sandbox.fixtures_engine import LONG

pytestmark = [pytest.mark.docker_engine, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

# "moved:top" and "moved:new": one thing of several has moved
STEPS = ("laid", "moved:top", "away", "marked", "moved:new", "swapped")
ALL = (
    "find . -mindepth 1 -not -path './.agi-restore*' | sort |"
    " while read f; do echo $f; [ -d $f ] || cat $f; done"
)
OLD = "mkdir -p a b; echo 1 > a/one; echo 2 > b/two; echo 3 > three"
NEW = "rm -rf b; echo changed > a/one; echo more > more; mkdir c; echo 4 > c/four"


@pytest.fixture
def restored(real):
    """A running sandbox, a snapshot of it, what was in it then, and what is in it now."""
    sandbox = real.make()
    real.say(sandbox, OLD)
    then = real.say(sandbox, ALL)
    snapshot = snapshots.create_snapshot(sandbox=sandbox, by=real.owner)
    real.work()
    snapshot.refresh_from_db()
    assert snapshot.status == SnapshotStatus.READY, snapshot.detail
    real.say(sandbox, NEW)
    now = real.say(sandbox, ALL)
    assert now != then
    return sandbox, snapshot, then, now


def killed_at(real, worker, sandbox, snapshot, step):
    snapshots.restore_snapshot(snapshot=snapshot, sandbox=real.now(sandbox), by=real.owner)
    assert worker.work(die_at=f"restore:{step}"), step
    assert real.now(sandbox).verb == restoring.VERB


def last_word(sandbox):
    return SandboxEvent.objects.filter(sandbox=sandbox, kind__startswith="restore").latest("pk").kind


def damage(snapshot):
    """What is stored is not what was; returns how it was."""
    with storing.open_stored(snapshot.storage_path) as file:
        kept = file.read()
    replace(snapshot, kept[:-30] + bytes([kept[-30] ^ 0xFF]) + kept[-29:])
    return kept


def replace(snapshot, data):
    storing.discard(snapshot.storage_path)
    storing.storage().save(snapshot.storage_path, io.BytesIO(data))


def is_clean(real, sandbox):
    real.is_true()
    assert real.say(real.now(sandbox), "ls -A | grep agi-restore || true") == ""


def test_the_next_worker_restores_all_the_same(real, dying_worker, restored):
    sandbox, snapshot, then, _now = restored
    for step in (*STEPS, "done") if LONG else ("away", "moved:new"):
        real.say(real.now(sandbox), NEW)
        killed_at(real, dying_worker, sandbox, snapshot, step)
        real.recover()
        assert last_word(sandbox) == "restored", step
        assert real.say(real.now(sandbox), ALL) == then, step
        is_clean(real, sandbox)


@pytest.mark.long
def test_where_the_snapshot_is_damaged_meanwhile_what_was_there_comes_back(real, dying_worker, restored):
    sandbox, snapshot, _then, now = restored
    for step in STEPS:
        killed_at(real, dying_worker, sandbox, snapshot, step)
        kept = damage(snapshot)
        real.recover()
        replace(snapshot, kept)
        assert last_word(sandbox) == "restore_failed", step
        assert real.say(real.now(sandbox), ALL) == now, step
        is_clean(real, sandbox)


@pytest.mark.long
def test_killed_while_it_is_undone_what_was_there_comes_back(real, dying_worker, restored):
    sandbox, snapshot, _then, now = restored
    killed_at(real, dying_worker, sandbox, snapshot, "moved:new")
    damage(snapshot)
    for step in ("moved:top", "moved:old"):  # what came goes away again, then what was there comes back
        queue.reopen_dead()
        assert dying_worker.work(die_at=f"restore:{step}"), step
    real.recover()
    restoring.end_lost()  # a task that died three times is given up, and this goes on
    assert last_word(sandbox) == "restore_failed"
    assert real.say(real.now(sandbox), ALL) == now
    is_clean(real, sandbox)


@pytest.mark.long
def test_a_restore_that_nobody_goes_on_with_is_undone(real, dying_worker, restored):
    sandbox, snapshot, _then, now = restored
    killed_at(real, dying_worker, sandbox, snapshot, "moved:new")
    TaskQueue.objects.filter(unique_key=f"{restoring.RESTORE_KEY}:{sandbox.pk}").update(
        status=TaskStatus.CANCELED, unique_key=None
    )
    assert restoring.end_lost() == 1
    assert last_word(sandbox) == "restore_failed"
    assert real.say(real.now(sandbox), ALL) == now
    is_clean(real, sandbox)
