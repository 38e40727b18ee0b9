"""Admin of conversations: operators read what happened and stop what should not go on."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from agi_site.lib.admin import HistoryAdmin, TableAdmin, link_to

from . import services
from .models import (
    AnswerStatus,
    Conversation,
    Entity,
    Intent,
    Message,
    MessagePicture,
    MessageSearch,
    RecallReceipt,
    Sentiment,
)


@admin.register(Conversation)
class ConversationAdmin(TableAdmin):
    """People write in their conversations; operators rename, archive, stop and delete by services."""

    list_display = ["title", "owner", "status", "created_at", "updated_at"]
    list_filter = ["status", "created_at", "updated_at"]
    search_fields = ["id", "title", "user__username"]
    readonly_fields = ["status", "user", "memory_enabled", "metadata", "updated_at"]
    fields = ["title", "status", "user", "memory_enabled", "created_at", "updated_at", "metadata"]
    actions = ["stop_turns", "archive_rows", "unarchive_rows"]
    owner = link_to("user", _("user"))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # people start their own

    def save_model(self, request: HttpRequest, obj: Conversation, form: Any, change: bool) -> None:
        if "title" in form.changed_data:
            services.rename(conversation=obj, by=obj.user, title=obj.title or "")

    def delete_model(self, request: HttpRequest, obj: Conversation) -> None:
        services.delete_conversation(conversation=obj, by=obj.user)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset.present().select_related("user"):
            self.delete_model(request, row)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).present()

    @admin.action(description=_("Stop the answers being written"), permissions=["change"])
    def stop_turns(self, request: HttpRequest, queryset: Any) -> None:
        stopped = [
            services.stop_turn(conversation=row, by=row.user) for row in queryset.select_related("user")
        ]
        count = sum(answer is not None for answer in stopped)
        text = ngettext("%(n)s answer is being stopped.", "%(n)s answers are being stopped.", count)
        self.message_user(request, text % {"n": count}, messages.SUCCESS)

    @admin.action(description=_("Put into the archive"), permissions=["change"])
    def archive_rows(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset.present().select_related("user"):
            services.archive(conversation=row, by=row.user)

    @admin.action(description=_("Take out of the archive"), permissions=["change"])
    def unarchive_rows(self, request: HttpRequest, queryset: Any) -> None:
        for row in queryset.archived().select_related("user"):
            services.unarchive(conversation=row, by=row.user)


@admin.register(Message)
class MessageAdmin(HistoryAdmin):
    list_display = ["beginning", "role", "answer_status", "conversation_link", "created_at", "superseded_at"]
    list_filter = ["role", "created_at"]
    search_fields = ["=id", "=conversation__id", "conversation__title"]
    fields = [
        "conversation",
        "role",
        "content",
        "created_at",
        "superseded_at",
        "embedding_model",
        "metadata",
    ]
    conversation_link = link_to("conversation", _("conversation"))

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).light()

    @admin.display(description=_("content"))
    def beginning(self, row: Message) -> str:
        return row.content[:80] or "–"

    @admin.display(description=_("answer"))
    def answer_status(self, row: Message) -> str:
        return str(AnswerStatus(row.status).label) if row.status in AnswerStatus else row.status or "–"


@admin.register(Intent)
class IntentAdmin(HistoryAdmin):
    list_display = ["name", "confidence", "message_link", "created_at"]
    list_filter = ["name", "created_at"]
    search_fields = ["name", "=message__id"]
    message_link = link_to("message", _("message"))


@admin.register(Entity)
class EntityAdmin(HistoryAdmin):
    list_display = ["name", "value", "type", "message_link", "created_at"]
    list_filter = ["type", "created_at"]
    search_fields = ["name", "value", "=message__id"]
    message_link = link_to("message", _("message"))


@admin.register(Sentiment)
class SentimentAdmin(HistoryAdmin):
    list_display = ["label", "score", "message_link", "created_at"]
    list_filter = ["label", "created_at"]
    search_fields = ["=message__id"]
    message_link = link_to("message", _("message"))


@admin.register(RecallReceipt)
class RecallReceiptAdmin(HistoryAdmin):
    list_display = ["message_link", "kind", "rank", "score", "used", "cited", "tool"]
    list_filter = ["kind", "used", "cited"]
    search_fields = ["=message__id", "=row_id"]
    message_link = link_to("message", _("message"))


@admin.register(MessagePicture)
class MessagePictureAdmin(HistoryAdmin):
    list_display = ["message_link", "image_link", "place", "width", "height"]
    search_fields = ["=message__id", "=image__id"]
    message_link = link_to("message", _("message"))
    image_link = link_to("image", _("image"))


@admin.register(MessageSearch)
class MessageSearchAdmin(HistoryAdmin):
    list_display = ["message_link", "length"]
    search_fields = ["=message__id"]
    message_link = link_to("message", _("message"))
