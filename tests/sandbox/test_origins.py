"""The sandbox that belongs to a conversation: shared by all that runs there, and making room for the next."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agi_site.lib.problems import Conflict
from sandbox import services
from sandbox.models import Sandbox, SandboxEvent, SandboxExecution, SandboxFile

pytestmark = pytest.mark.django_db


@pytest.fixture
def of(alice, filled, settings):
    """`of("a")` is the sandbox of conversation a; Alice may have two."""
    settings.SANDBOX_QUOTA_COUNT = 2
    return lambda name: services.sandbox_of(owner=alice, origin=("conversation", name), template="Python")


def unused(*sandboxes, minutes=10):
    """As if nobody had used them for a while, the first one longest."""
    for number, sandbox in enumerate(sandboxes):
        moment = timezone.now() - timedelta(minutes=minutes, seconds=len(sandboxes) - number)
        Sandbox.objects.filter(pk=sandbox.pk).update(last_active=moment)


def test_a_conversation_keeps_its_sandbox(of):
    assert of("a").pk == of("a").pk


def test_where_one_may_have_no_more_the_longest_unused_empty_one_gives_way(of):
    first, second = of("a"), of("b")
    unused(first, second)
    assert of("c").pk not in {first.pk, second.pk}
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.verb, first.cause, second.verb) == ("delete", "made_room", None)


@pytest.mark.parametrize("held_by", ["files", "a terminal", "work", "force", "use", "a person"])
def test_what_somebody_may_miss_stays(held_by, of, alice):
    both = of("a"), of("b")
    unused(*both, minutes=1 if held_by == "use" else 10)
    for sandbox in both:
        if held_by == "files":
            SandboxFile.objects.create(sandbox=sandbox, path="kept.txt")
        elif held_by == "force":
            SandboxExecution.objects.create(sandbox=sandbox, command="", status="ended", cause="cancelled")
        elif held_by in {"a terminal", "work"}:
            kind, status = ("terminal", "ended") if held_by == "a terminal" else ("cell", "running")
            SandboxExecution.objects.create(sandbox=sandbox, command="", kind=kind, status=status)
        elif held_by == "a person":
            Sandbox.objects.filter(pk=sandbox.pk).update(origin_type=None)
    with pytest.raises(Conflict, match="2 is the most"):
        of("c")
    assert not Sandbox.objects.exclude(verb=None).exists()
    assert not SandboxEvent.objects.filter(kind="deleted").exists()


def test_what_was_made_for_something_goes_with_it(of):
    first, second = of("a"), of("b")
    services.delete_sandboxes_of(origin=("conversation", "a"))
    services.delete_sandboxes_of(origin=("conversation", "a"))
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.verb, first.cause, second.verb) == ("delete", "done", None)
