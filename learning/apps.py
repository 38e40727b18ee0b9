from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LearningConfig(AppConfig):
    """Feedback, training data, training jobs, model versions and evaluations."""

    name = "learning"
    verbose_name = _("Learning")

    def ready(self) -> None:
        from agi_site.lib import targets

        from .models import Feedback

        targets.register("feedback", lambda: Feedback)
