"""Why what ran in a sandbox ended with it; on an engine of notes."""

import re
from pathlib import Path

import pytest

import sandbox
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


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ("nope: No such file or directory", "There is no “nope” in the sandbox."),
        ("a 100%/b: Not a directory", "“a 100%/b” is not a folder."),
        ("/root: Permission denied", "Commands of this sandbox may not use “/root”."),
        ("Processes it left behind were ended: 257.", "Processes it left behind were ended: 257."),
        ("whatever else", "whatever else"),
        (None, ""),
    ],
)
def test_what_the_runner_says_is_told_as_a_sentence(detail, told):
    assert reasons.told(detail) == told


def test_every_sentence_of_the_runner_is_one_that_it_says():
    said = "".join(path.read_text() for path in (Path(sandbox.__file__).parent / "runner").glob("*.py"))
    assert [text for text in reasons.RUNNERS_SAY if text not in said] == []
    refused = re.findall(r'LookupError\((?:"\w+", )?"([A-Z][^"]+)"\)', said)
    assert refused
    assert [text for text in refused if text not in reasons.RUNNERS_SAY] == []
