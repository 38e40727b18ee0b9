from django.apps import AppConfig
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from agi_site.lib import targets


class PlanningConfig(AppConfig):
    """Plans, their steps and their runs."""

    name = "planning"
    verbose_name = _("Planning")

    def ready(self) -> None:
        from . import agent_tools  # noqa: F401 - importing it registers its tools
        from .engine import telling

        telling.declare_events()
        targets.register("plan", lambda: self.get_model("Plan"))
        targets.register("plan_step", lambda: self.get_model("PlanStep"))
        targets.register("plan_execution", lambda: self.get_model("PlanExecution"))
        targets.register(
            "plan_step_execution",
            lambda: self.get_model("PlanStepExecution"),
            lambda row: reverse("planning:execution_step", args=[row.execution_id, row.pk]),
        )
