from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from agi_site.lib import targets


class KnowledgeConfig(AppConfig):
    """Knowledge, memory and the context of a session."""

    name = "knowledge"
    verbose_name = _("Knowledge")

    def ready(self) -> None:
        """Let other apps refer to our rows by name."""
        from . import models

        targets.register("knowledge", lambda: models.Knowledge)
        targets.register("memory", lambda: models.Memory)
