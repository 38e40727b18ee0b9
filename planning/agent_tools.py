"""The tools by which the assistant makes plans: `create_plan` writes one down, `run_plan` runs it, too.

`run_plan` is asked for first, so that the person sees (and may change) the steps before anything happens.
Its execution waits for the run; the run's end ends it, with the outputs (`agent_tasks`).
"""

from typing import Any

from django.utils.translation import gettext_lazy as _

from agi_site.lib.problems import Problem
from tools.registry import Later, Parameter, ToolContext, ToolFailure, tool

from . import services
from .models import Plan

CREATE, RUN = "create_plan", "run_plan"
MOST_STEPS = 50

STEP_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "key": {
            "type": "string",
            "description": "Short English identifier, such as find_sources.",
            "maxLength": 50,
        },
        "description": {
            "type": "string",
            "description": "What the step does, in one sentence.",
            "maxLength": 500,
        },
        "tool": {"type": "string", "description": "The tool that does it.", "maxLength": 100},
        "arguments": {
            "type": "object",
            "description": "The tool's arguments. {{ steps.<key>.output }} takes an earlier step's output.",
        },
        "prompt": {"type": "string", "description": "What the assistant is asked, instead of a tool."},
        "depends_on": {
            "type": "array",
            "description": "Keys of the steps to be done before.",
            "items": {"type": "string"},
        },
        "condition": {"type": "string", "description": "JMESPath; the step is left out where it is false."},
        "for_each": {
            "type": "string",
            "description": "JMESPath; the step is done for each {{ item }} of the list.",
        },
    },
    "required": ["key", "description"],
    "additionalProperties": False,
}
PARAMETERS = [
    Parameter("title", "string", _("The plan's title."), schema={"maxLength": 200}),
    Parameter("goal", "string", _("What is to be reached."), schema={"maxLength": 4000}),
    Parameter(
        "steps",
        "array",
        _("The steps, each done by a tool or the assistant; those that wait for nothing run side by side."),
        required=True,
        schema={"minItems": 1, "maxItems": MOST_STEPS, "items": STEP_SCHEMA},
    ),
]


def plan_schema() -> dict[str, Any]:
    """The JSON Schema of a plan as a model writes it down."""
    return {
        "type": "object",
        "properties": {
            "title": {"type": "string", "maxLength": 200},
            "goal": {"type": "string", "maxLength": 4000},
            "steps": {"type": "array", "minItems": 1, "maxItems": MOST_STEPS, "items": STEP_SCHEMA},
        },
        "required": ["steps"],
        "additionalProperties": False,
    }


@tool(
    CREATE,
    category="planning",
    description=_("Write down a plan of several steps, to be run later by the person."),
    parameters=PARAMETERS,
    transactional=True,
    ui="plan",
)
def create_plan(
    call: ToolContext, *, steps: list[dict[str, Any]], title: str = "", goal: str = ""
) -> dict[str, Any]:
    """`{"plan_id", "title", "steps"}` of the stored plan."""
    plan = _stored(call, steps=steps, title=title, goal=goal)
    return {"plan_id": plan.pk, "title": plan.title, "steps": len(steps)}


@tool(
    RUN,
    category="planning",
    description=_(
        "Carry out work of several steps that build on each other: stores them as a plan and runs it."
    ),
    parameters=PARAMETERS,
    default_effect="ask",
    transactional=True,
    ui="plan",
)
def run_plan(call: ToolContext, *, steps: list[dict[str, Any]], title: str = "", goal: str = "") -> Later:
    """The run that the execution then waits for; it ends with `{"plan_id", "outputs", …}` (`agent_tasks`)."""
    plan = _stored(call, steps=steps, title=title, goal=goal)
    try:
        execution = services.start_plan(
            plan=plan,
            by=call.user,
            unattended=call.unattended,
            trigger=("tool_execution", call.execution_id),
            language=call.language,
        )
    except Problem as problem:
        raise ToolFailure(_text(problem)) from problem
    return Later("plan_execution", str(execution.pk))


def _stored(call: ToolContext, *, steps: list[dict[str, Any]], title: str, goal: str) -> Plan:
    from .goal import with_plain_keys

    trigger = ("conversation", call.conversation_id) if call.conversation_id else None
    try:
        return services.create_plan(
            owner=call.user,
            title=(title or goal or str(_("Plan")))[: services.TITLE_LENGTH],
            description=goal,
            steps=services.drafts_from_json(with_plain_keys(steps)),
            trigger=trigger,
        )
    except Problem as problem:
        raise ToolFailure(_text(problem)) from problem


def _text(problem: Problem) -> str:
    faults = [f"{name}: {fault}" for name, some in problem.errors.items() for fault in some]
    return " ".join([str(problem.message), *faults[:10]])
