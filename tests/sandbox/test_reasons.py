"""Why what ran in a sandbox ended with it; on an engine of notes."""

import pytest

from sandbox import reasons, services

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("verb", "options", "said"),
    [
        ("stop", {}, "The sandbox was stopped."),
        ("stop", {"cause": "operator"}, "An operator stopped the sandbox."),
        ("restart", {}, "The sandbox was restarted."),
        ("delete", {}, "The sandbox was deleted."),
        ("delete", {"cause": "operator"}, "An operator deleted the sandbox."),
    ],
)
def test_what_ends_a_sandbox_ends_what_runs_and_says_why(alice, mine, run_tasks, verb, options, said):
    row = services.run_command(sandbox=mine, by=alice, command="sleep 9")
    services.do_verb(sandbox=mine, verb=verb, by=alice, **options)
    run_tasks()
    row.refresh_from_db()
    assert (row.status, row.cause, row.detail) == ("ended", "cancelled", said)


def test_a_cause_that_is_none_of_the_verbs_is_left_out():
    assert reasons.why("stop", "oom") == reasons.why("stop")
    assert reasons.cause_of("delete", "idle") == ""
    assert reasons.cause_of("stop", "idle") == "idle"
