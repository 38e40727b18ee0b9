from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConversationsConfig(AppConfig):
    """Conversations and what is understood of each message."""

    name = "conversations"
    verbose_name = _("Conversations")
