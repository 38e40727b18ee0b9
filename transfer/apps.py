from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from agi_site.lib import targets


class TransferConfig(AppConfig):
    """Transfer of knowledge between domains."""

    name = "transfer"
    verbose_name = _("Transfer")

    def ready(self) -> None:
        targets.register("knowledge_mapping", lambda: self.get_model("KnowledgeMapping"))
