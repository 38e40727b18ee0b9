from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExplanationsConfig(AppConfig):
    """Explanations of what the system decided."""

    name = "explanations"
    verbose_name = _("Explanations")

    def ready(self) -> None:
        from agi_site.lib import targets

        from .models import Explanation

        targets.register("explanation", lambda: Explanation)
