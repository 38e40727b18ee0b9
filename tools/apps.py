from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ToolsConfig(AppConfig):
    """Tools, their parameters and the ledger of their executions."""

    name = "tools"
    verbose_name = _("Tools")

    def ready(self) -> None:
        from agi_site.lib import targets

        from . import builtin, examples  # noqa: F401 - importing them registers what they hold
        from .models import Tool, ToolExecution

        targets.register("tool", lambda: Tool)
        targets.register("tool_execution", lambda: ToolExecution)
