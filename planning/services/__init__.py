"""What can be done with plans: written down, changed, run, scheduled, estimated."""

from .authoring import (
    TITLE_LENGTH,
    add_step,
    create_plan,
    delete_plan,
    duplicate_plan,
    remove_step,
    reorder,
    replace_steps,
    update_plan,
    update_step,
)
from .checking import check_budget, check_object, check_steps, names_of_inputs
from .documents import drafts_from_json, plan_as_json, step_as_json
from .drafts import StepDraft, copies, drafts_of, key_of, parse_dependencies
from .estimates import DryRun, Progress, dry_run, missing_inputs
from .forgetting import take_out_memories
from .importing import import_document
from .proposals import accept_proposal, propose_again, propose_plan
from .runs import cancel_plan, pause_plan, resume_plan, retry_plan, run_again, skip_step, start_plan
from .schedules import create_schedule, delete_schedule, upcoming, update_schedule

__all__ = [
    "TITLE_LENGTH",
    "DryRun",
    "Progress",
    "StepDraft",
    "accept_proposal",
    "add_step",
    "cancel_plan",
    "check_budget",
    "check_object",
    "check_steps",
    "copies",
    "create_plan",
    "create_schedule",
    "delete_plan",
    "delete_schedule",
    "drafts_from_json",
    "drafts_of",
    "dry_run",
    "duplicate_plan",
    "import_document",
    "key_of",
    "missing_inputs",
    "names_of_inputs",
    "parse_dependencies",
    "pause_plan",
    "plan_as_json",
    "propose_again",
    "propose_plan",
    "remove_step",
    "reorder",
    "replace_steps",
    "resume_plan",
    "retry_plan",
    "run_again",
    "skip_step",
    "start_plan",
    "step_as_json",
    "take_out_memories",
    "upcoming",
    "update_plan",
    "update_schedule",
    "update_step",
]
