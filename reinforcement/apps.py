from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReinforcementConfig(AppConfig):
    """Reinforcement learning: states, rewards, policies, episodes and actions."""

    name = "reinforcement"
    verbose_name = _("Reinforcement")
