"""What people fill in about plans; the rules themselves stand in the services."""

from .plans import BudgetForm, GoalForm, InputsForm, JSONForm, PlanForm, SkipForm
from .schedules import ScheduleForm
from .steps import StepForm

__all__ = [
    "BudgetForm",
    "GoalForm",
    "InputsForm",
    "JSONForm",
    "PlanForm",
    "ScheduleForm",
    "SkipForm",
    "StepForm",
]
