"""Plans, their steps and their runs (the seed's section 5.4)."""

from .executions import (
    LEGAL_MOVES,
    LEGAL_STEP_MOVES,
    PlanExecution,
    PlanExecutionStatus,
    PlanStepExecution,
    StepState,
)
from .plans import OnFailure, Plan, PlanStatus, PlanStep, PlanStepStatus, StepKind
from .schedules import PlanSchedule

__all__ = [
    "LEGAL_MOVES",
    "LEGAL_STEP_MOVES",
    "OnFailure",
    "Plan",
    "PlanExecution",
    "PlanExecutionStatus",
    "PlanSchedule",
    "PlanStatus",
    "PlanStep",
    "PlanStepExecution",
    "PlanStepStatus",
    "StepKind",
    "StepState",
]
