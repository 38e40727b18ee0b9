"""A worker killed at every step of every verb, with the real engine: all is true then, and nothing leaks."""

import pytest

from sandbox import services
from sandbox.models import InstanceStatus, SandboxInstance

pytestmark = [pytest.mark.docker_engine, pytest.mark.django_db(transaction=True)]

UP = ("created", "stored", "started", "attached", "settled")
CASES = {
    "create": ("begun", *UP),
    "stop": ("begun", "stopped", "counted", "settled"),
    "start": ("begun", *UP),
    "restart": ("begun", "stopped", "counted", *UP[1:]),
    "pause": ("paused", "settled"),
    "resume": ("unpaused", "settled"),
    "delete": ("begun", "ending", "removed", "gone"),
}
BEFORE = {"stop": "running", "start": "stopped", "restart": "running", "pause": "running", "resume": "paused"}
AFTER = {"stop": "stopped", "start": "running", "restart": "running", "pause": "paused", "resume": "running"}
WAY = {("running", "stopped"): "stop", ("running", "paused"): "pause", ("stopped", "running"): "start"}
WAY |= {("paused", "running"): "resume"}


def bring(real, sandbox, status):
    now = real.now(sandbox).status
    if now != status:
        assert real.do(real.now(sandbox), WAY[now, status]).status == status


# A restart takes the steps of a stop and of a start.
@pytest.mark.parametrize(
    "verb",
    [
        "restart",
        *(pytest.param(verb, marks=pytest.mark.long) for verb in ("stop", "start", "pause", "resume")),
    ],
)
def test_killed_in_a_verb_it_is_done_all_the_same(real, dying_worker, verb):
    sandbox = real.make()
    real.say(sandbox, "echo kept > note")
    for step in CASES[verb]:
        bring(real, sandbox, BEFORE[verb])
        services.do_verb(sandbox=real.now(sandbox), verb=verb, by=real.owner)
        assert dying_worker.work(die_at=f"{verb}:{step}"), step
        real.recover()
        assert real.now(sandbox).status == AFTER[verb], step
        real.is_true()
    bring(real, sandbox, "running")
    assert real.say(real.now(sandbox), "cat note") == "kept"
    real.do(real.now(sandbox), "delete")
    real.is_empty()


def test_killed_while_it_is_made_it_is_made_all_the_same(real, dying_worker):
    for step in CASES["create"]:
        sandbox = services.create_sandbox(owner=real.owner, template=real.recipe)
        assert dying_worker.work(die_at=f"create:{step}"), step
        real.recover()
        assert real.now(sandbox).status == "running", step
        assert real.say(real.now(sandbox), "echo hello") == "hello"
        real.is_true()
        real.do(real.now(sandbox), "delete")
    real.is_empty()


def test_killed_while_it_is_deleted_nothing_is_left(real, dying_worker):
    for step in CASES["delete"]:
        sandbox = real.make()
        services.do_verb(sandbox=sandbox, verb="delete", by=real.owner)
        assert dying_worker.work(die_at=f"delete:{step}"), step
        real.recover()
        assert real.now(sandbox).status == "deleted", step
        real.is_empty()


@pytest.mark.long
def test_killed_while_it_is_made_and_then_deleted_nothing_is_left(real, dying_worker):
    for step in ("created", "started", "attached"):
        sandbox = services.create_sandbox(owner=real.owner, template=real.recipe)
        assert dying_worker.work(die_at=f"create:{step}"), step
        services.do_verb(sandbox=sandbox, verb="delete", by=real.owner)
        real.recover()
        assert real.now(sandbox).status == "deleted", step
        real.is_empty()


@pytest.mark.parametrize(
    ("limits", "steps"),
    [
        ({"cpu_limit": 150}, ("change:begun", "live:limits", "live:network", "change:settled")),
        pytest.param(
            {"open_files": 200},
            ("change:stopped", "adjust:removed", "change:created", "change:started", "change:attached"),
            marks=pytest.mark.long,
        ),
    ],
)
def test_killed_in_a_change_it_is_applied_all_the_same(real, dying_worker, limits, steps):
    sandbox = real.make()
    real.say(sandbox, "echo kept > note")
    ((name, value),) = limits.items()
    for number, step in enumerate(steps, 1):
        services.change_limits(sandbox=real.now(sandbox), by=real.owner, limits={name: value + number})
        assert dying_worker.work(die_at=step), step
        real.recover()
        assert real.now(sandbox).status == "running", step
        assert real.now(sandbox).instance.spec["limits"][name] == value + number
        real.is_true()
    assert real.say(real.now(sandbox), "cat note") == "kept"


def test_killed_in_a_refill_the_pool_is_full_in_the_end(real, dying_worker, monkeypatch):
    from datetime import timedelta

    from sandbox.lifecycle import pool

    monkeypatch.setattr(pool, "MAKING", timedelta(0))  # what a dead worker was making is given up at once
    real.recipe.config = {"pool": {"min": 1, "max": 1}}
    real.recipe.save()
    for step in ("created", "stored", "started", "attached"):
        pool.refill_soon(real.host)
        assert dying_worker.work(die_at=f"refill:{step}"), step
        real.recover()
        pool.refill(real.host)
        real.is_true()
        assert SandboxInstance.objects.filter(status=InstanceStatus.WARM).count() == 1
        real.recipe.config = {"pool": {"min": 0, "max": 0}}
        real.recipe.save()
        pool.refill(real.host)
        real.is_empty()
        real.recipe.config = {"pool": {"min": 1, "max": 1}}
        real.recipe.save()
