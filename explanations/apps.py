from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExplanationsConfig(AppConfig):
    """Explanations of what the system decided."""

    name = "explanations"
    verbose_name = _("Explanations")
