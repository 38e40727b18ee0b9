from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from agi_site.lib import targets


class CreativeConfig(AppConfig):
    """Creative works, their prompts, versions, feedback and inspirations."""

    name = "creative"
    verbose_name = _("Creative")

    def ready(self) -> None:
        from . import agent_tools  # noqa: F401 - importing it registers what it holds

        targets.register("creative_work", lambda: self.get_model("CreativeWork"))
