from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SandboxConfig(AppConfig):
    """Sandboxes: containers, their limits, policies, files and executions."""

    name = "sandbox"
    verbose_name = _("Sandbox")
