from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LearningConfig(AppConfig):
    """Feedback, training data, training jobs, model versions and evaluations."""

    name = "learning"
    verbose_name = _("Learning")
