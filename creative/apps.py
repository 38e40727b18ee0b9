from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CreativeConfig(AppConfig):
    """Creative works, their prompts, versions, feedback and inspirations."""

    name = "creative"
    verbose_name = _("Creative")
