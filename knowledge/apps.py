from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class KnowledgeConfig(AppConfig):
    """Knowledge, memory and the context of a session."""

    name = "knowledge"
    verbose_name = _("Knowledge")
