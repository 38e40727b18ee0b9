"""Workflow instances of WfCommons as plans: imported, run in an order that respects every dependency."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from agi_site.lib.problems import Invalid
from planning import services
from planning.models import PlanExecution, PlanStepExecution
from planning.services import wfcommons
from tests.planning.conftest import states

pytestmark = pytest.mark.django_db


def task(name, parents=(), children=()):
    return {"id": name, "name": name, "parents": list(parents), "children": list(children)}


def instance(*tasks):
    """A workflow instance in WfFormat 1.5."""
    specification = {"tasks": list(tasks), "files": []}
    return {"name": "small", "schemaVersion": "1.5", "workflow": {"specification": specification}}


SMALL = instance(
    task("split_ID0001", children=["blast_ID0002", "blast_ID0003"]),
    task("blast_ID0002", parents=["split_ID0001"]),
    task("blast_ID0003", parents=["split_ID0001"], children=["cat.all"]),
    task("cat.all", parents=["blast_ID0002", "blast_ID0003"]),
)


def in_order(execution):
    """Whether each step began after all that it waits for had ended."""
    rows = {row.key: row for row in PlanStepExecution.objects.filter(execution=execution)}
    return all(
        rows[key].completed_at <= row.started_at <= row.completed_at
        for row in rows.values()
        for key in row.spec.get("depends_on", [])
    )


def test_an_instance_becomes_a_plan_that_runs_in_its_order(alice, run_tasks):
    plan = wfcommons.import_instance(owner=alice, document=SMALL)
    waits = {draft.key: sorted(draft.depends_on) for draft in services.drafts_of(plan)}
    assert waits == {
        "split_ID0001": [],
        "blast_ID0002": ["split_ID0001"],
        "blast_ID0003": ["split_ID0001"],
        "cat_all": ["blast_ID0002", "blast_ID0003"],
    }
    execution = services.start_plan(plan=plan, by=alice)
    run_tasks()
    assert set(states(execution).values()) == {"completed"}
    assert in_order(execution)


def test_older_instances_and_names_that_are_no_keys(alice):
    old = {"name": "old", "workflow": {"tasks": [{"name": "1.a/b"}, {"name": "1.a-b", "parents": ["1.a/b"]}]}}
    assert [step.key for step in wfcommons.steps_of(old)] == ["t_1_a_b", "t_1_a_b_2"]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"workflow": []},
        {"workflow": {"tasks": []}},
        instance(task("a"), task("a")),
        instance(task("a", parents=["b"])),
        instance(task("a", parents=["b"]), task("b", parents=["a"])),
        instance({"id": "a", "parents": 5}),
    ],
)
def test_what_is_no_sound_instance_is_refused(alice, document):
    with pytest.raises(Invalid):
        wfcommons.import_instance(owner=alice, document=document)


def test_the_command_imports_and_runs(alice, run_tasks, tmp_path, capsys):
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL))
    call_command("import_wfcommons", "alice", str(path), "--run")
    run_tasks()
    assert PlanExecution.objects.get().status == "completed"
    assert "4 steps" in capsys.readouterr().out
    path.write_text("[]")
    with pytest.raises(CommandError):
        call_command("import_wfcommons", "alice", str(path))


def test_it_is_imported_by_rest(api_of, alice):
    answer = api_of(alice).post("/api/v1/plans/import/", SMALL)
    assert answer.status_code == 201
    assert Counter(step["kind"] for step in answer.data["steps"]) == {"none": 4}


@pytest.mark.slow
def test_the_real_instances_run_in_their_order(alice, run_tasks):
    """Those of `AGI_DATA`/wfinstances, where the data is."""
    files = sorted(Path(os.environ.get("AGI_DATA", ""), "wfinstances").glob("*.json"))
    if not files:
        pytest.skip("no data (AGI_DATA names its folder)")
    for path in files:
        plan = wfcommons.import_instance(owner=alice, document=json.loads(path.read_text()), title=path.stem)
        execution = services.start_plan(plan=plan, by=alice)
        run_tasks()
        execution.refresh_from_db()
        assert execution.status == "completed", path.stem
        assert in_order(execution), path.stem
        print(path.stem, execution.steps_total)
