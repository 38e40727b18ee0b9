from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TransferConfig(AppConfig):
    """Transfer of knowledge between domains."""

    name = "transfer"
    verbose_name = _("Transfer")
