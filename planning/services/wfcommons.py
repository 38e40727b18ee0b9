"""Workflow instances of WfCommons (wfformat 1.4 and 1.5) as plans whose steps do nothing but keep the order.

https://docs.wfcommons.org; the instances are real runs of scientific workflows.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from ..models import Plan, StepKind
from .authoring import create_plan
from .drafts import StepDraft

LONGEST_KEY = 50
_OTHER = re.compile(r"[^A-Za-z0-9_]+")


def import_instance(*, owner: Any, document: Mapping[str, Any], title: str = "") -> Plan:
    """Store an instance as a plan of `owner`; raises Invalid where it is none, or its graph is unsound."""
    steps = steps_of(document)
    title = title or str(document.get("name") or _("Workflow"))
    description = str(document.get("description") or "")[:10_000]
    return create_plan(owner=owner, title=title[:200], description=description, steps=steps)


def steps_of(document: Mapping[str, Any]) -> list[StepDraft]:
    """Its tasks as steps, each waiting for its parents. Both `parents` and `children` count."""
    tasks = _tasks(document)
    keys = _keys([str(_named(task)) for task in tasks])
    waits: dict[str, dict[str, None]] = {key: {} for key in keys.values()}
    for task in tasks:
        own = keys[str(_named(task))]
        for parent in _others(task, "parents", keys):
            waits[own][parent] = None
        for child in _others(task, "children", keys):
            waits[child][own] = None
    return [
        StepDraft(
            key=keys[str(_named(task))],
            description=str(task.get("name") or _named(task))[:10_000],
            kind=StepKind.NONE,
            depends_on=list(waits[keys[str(_named(task))]]),
        )
        for task in tasks
    ]


def _tasks(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    workflow = document.get("workflow") if isinstance(document, Mapping) else None
    workflow = workflow if isinstance(workflow, Mapping) else {}
    specification = workflow.get("specification", workflow)
    tasks = specification.get("tasks") if isinstance(specification, Mapping) else None
    if not isinstance(tasks, list) or not tasks or not all(isinstance(task, Mapping) for task in tasks):
        message = _("This is no workflow instance of WfCommons: it has no tasks at workflow.specification.")
        raise Invalid(errors={"workflow": [message]})
    if any(_named(task) in (None, "") for task in tasks):
        raise Invalid(errors={"workflow": [_("Each task needs an id or a name.")]})
    return tasks


def _named(task: Mapping[str, Any]) -> Any:
    return task.get("id") or task.get("name")


def _others(task: Mapping[str, Any], side: str, keys: Mapping[str, str]) -> list[str]:
    names = task.get(side) or []
    unknown = [str(name) for name in names if str(name) not in keys] if isinstance(names, list) else [side]
    if unknown:
        message = _("The task “%(task)s” names others that are not there: %(names)s.")
        told = {"task": str(_named(task))[:100], "names": ", ".join(unknown)[:300]}
        raise Invalid(errors={"workflow": [message % told]})
    return [keys[str(name)] for name in names]


def _keys(names: list[str]) -> dict[str, str]:
    """A key for each task: its name as far as keys may look like it, unique."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        if name in found:
            message = _("Two tasks are called “%(name)s”.") % {"name": name[:100]}
            raise Invalid(errors={"workflow": [message]})
        base = _OTHER.sub("_", name).strip("_") or "task"
        base = base if not base[0].isdigit() else f"t_{base}"
        key, number = base[-LONGEST_KEY:].lstrip("0123456789") or "task", 1
        while key in taken:
            number += 1
            key = f"{base[-(LONGEST_KEY - 6) :].lstrip('0123456789') or 'task'}_{number}"
        taken.add(key)
        found[name] = key
    return found
