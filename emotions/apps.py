from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EmotionsConfig(AppConfig):
    """Emotions: analyses, response strategies and histories."""

    name = "emotions"
    verbose_name = _("Emotions")

    def ready(self) -> None:
        from agi_site.lib import targets

        from .models import EmotionAnalysis

        targets.register("emotion_analysis", lambda: EmotionAnalysis)
