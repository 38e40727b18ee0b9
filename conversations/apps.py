from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from agi_site.lib import targets


class ConversationsConfig(AppConfig):
    """Conversations and what is understood of each message."""

    name = "conversations"
    verbose_name = _("Conversations")

    def ready(self) -> None:
        targets.register("conversation", lambda: self.get_model("Conversation"))
        targets.register("message", lambda: self.get_model("Message"))
        from learning.registry import example_of

        from .examples import example_of_answer

        example_of("message")(example_of_answer)
        from knowledge.portable import register_section
        from system.services import webhooks

        from .receipts import references_of

        register_section("receipts", references_of)
        webhooks.declare("message", ["completed"])
