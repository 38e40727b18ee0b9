from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PlanningConfig(AppConfig):
    """Plans, their steps and their runs."""

    name = "planning"
    verbose_name = _("Planning")
