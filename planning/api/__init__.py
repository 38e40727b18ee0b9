"""REST resources of plans; what can be done with them are verbs below them."""

from .executions import PlanExecutionViewSet, PlanStepExecutionViewSet
from .plans import PlanViewSet
from .schedules import PlanScheduleViewSet
from .steps import PlanStepViewSet

router_entries = [
    ("plans", PlanViewSet),
    ("plan-steps", PlanStepViewSet),
    ("plan-executions", PlanExecutionViewSet),
    ("plan-step-executions", PlanStepExecutionViewSet),
    ("plan-schedules", PlanScheduleViewSet),
]
