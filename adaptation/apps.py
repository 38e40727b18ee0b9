from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AdaptationConfig(AppConfig):
    """Adaptation to a person: profile, preferences, rules and sessions."""

    name = "adaptation"
    verbose_name = _("Adaptation")
