from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from agi_site.lib import targets


class SandboxConfig(AppConfig):
    """Sandboxes: containers, their limits, policies, files and executions."""

    name = "sandbox"
    verbose_name = _("Sandbox")

    def ready(self) -> None:
        from system.services import webhooks

        from .words import EVENTS

        webhooks.declare("sandbox", EVENTS)
        targets.register("sandbox", lambda: self.get_model("Sandbox"))
        targets.register("sandbox_execution", lambda: self.get_model("SandboxExecution"))
