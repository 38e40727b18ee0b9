from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ToolsConfig(AppConfig):
    """Tools, their parameters and the ledger of their executions."""

    name = "tools"
    verbose_name = _("Tools")
