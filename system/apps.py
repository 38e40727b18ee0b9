from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SystemConfig(AppConfig):
    """Settings, logs, monitoring, the task queue and health."""

    name = "system"
    verbose_name = _("System")
