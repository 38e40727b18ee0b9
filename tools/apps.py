from django.apps import AppConfig
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop


class ToolsConfig(AppConfig):
    """Tools, who may run them after whose consent, and the ledger of their executions."""

    name = "tools"
    verbose_name = _("Tools")
    verbs = {"tools.approve": gettext_noop("Decide on runs of tools that want an operator's consent")}

    def ready(self) -> None:
        from agi_site.lib import targets
        from system.services import webhooks

        from . import builtin, examples, scripts  # noqa: F401 - importing them registers what they hold
        from .models import Approval, ApprovalStatus, Tool, ToolExecution, ToolExecutionStatus, ToolSource
        from .sources import implementations  # noqa: F401

        webhooks.declare("tool_execution", ToolExecutionStatus.values)
        webhooks.declare("approval", ApprovalStatus.values)
        targets.register("tool", lambda: Tool)
        targets.register(
            "tool_execution", lambda: ToolExecution, lambda row: reverse("tools:execution", args=[row.pk])
        )
        targets.register("approval", lambda: Approval)
        targets.register("tool_source", lambda: ToolSource)
