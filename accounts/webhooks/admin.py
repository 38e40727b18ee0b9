"""Admin of webhooks: operators read, and send again."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from agi_site.lib.admin import HistoryAdmin, link_to

from . import services
from .models import Webhook, WebhookDelivery


@admin.register(Webhook)
class WebhookAdmin(HistoryAdmin):
    list_display = ["url", link_to("user"), "enabled", "failures", "disabled_reason", "created_at"]
    list_filter = ["enabled", "created_at"]
    search_fields = ["id", "url"]
    # The secret is not among them: it is its owner's.
    fields = ["url", "user", "description", "events", "enabled", "failures", "disabled_reason", "created_at"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(HistoryAdmin):
    list_display = ["event", link_to("webhook"), "status", "attempts", "response_status", "created_at"]
    list_filter = ["status", "event", "created_at"]
    search_fields = ["id"]
    actions = ["send_again"]

    @admin.action(description=_("Send the selected deliveries again"), permissions=["delete"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        for delivery in queryset:
            services.redeliver(delivery=delivery, by=request.user)
