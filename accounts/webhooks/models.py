"""Webhooks and their deliveries (tables `webhook` and `webhook_delivery`, beyond the seed)."""

import re
from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import (
    CreatedAtField,
    EnumField,
    SealedJSONField,
    UpdatedAtField,
    UUIDKey,
    enum_check,
)
from agi_site.lib.owned import OwnedModel, OwnedQuerySet

PATTERN = re.compile(r"\*|[a-z_]{1,50}\.(\*|[a-z_]{1,50})")


class Webhook(OwnedModel):
    """An address that is told what happens to a person's things.

    `events` are names (`plan_execution.completed`), families (`plan_execution.*`) or `*`. `secret` holds the
    keys that sign: `key`, and after a rotation for a day also `old` until `old_until` (seconds since 1970).
    """

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="webhooks", verbose_name=_("user")
    )
    url = models.CharField(_("URL"), max_length=500)
    description = models.CharField(_("description"), max_length=200, blank=True, default="", db_default="")
    events = models.JSONField(_("events"))
    secret = SealedJSONField(_("secret"), editable=False)
    enabled = models.BooleanField(_("enabled"), default=True, db_default=True)
    # Attempts that failed one after another; a success begins anew.
    failures = models.PositiveIntegerField(_("failures in a row"), default=0, db_default=0, editable=False)
    disabled_reason = models.CharField(
        _("why it is off"), max_length=500, blank=True, default="", db_default="", editable=False
    )
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "webhook"
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return str(self.url)


def fits(patterns: list[str], event: str) -> bool:
    """Whether a list of names and families speaks of an event."""
    return any(one in ("*", event) or (one.endswith(".*") and event.startswith(one[:-1])) for one in patterns)


class DeliveryStatus(models.TextChoices):
    PENDING = "pending", _("waiting")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("failed")


class DeliveryQuerySet(OwnedQuerySet):
    """Deliveries, by what is to be done with them."""

    def older_than(self, when: datetime) -> Self:
        """What has ended and was made before then."""
        return self.filter(created_at__lt=when).exclude(status=DeliveryStatus.PENDING)


class WebhookDelivery(OwnedModel):
    """One event on its way to one webhook; its id is the message's, the same at every attempt."""

    owner_path = "webhook__user"

    id = UUIDKey()
    webhook = models.ForeignKey(
        Webhook, models.DB_CASCADE, related_name="deliveries", verbose_name=_("webhook")
    )
    event = models.CharField(_("event"), max_length=101)
    payload = models.JSONField(_("payload"))
    status = EnumField(
        _("status"),
        choices=DeliveryStatus,
        default=DeliveryStatus.PENDING,
        db_default=DeliveryStatus.PENDING,
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, db_default=0)
    response_status = models.PositiveSmallIntegerField(_("response status"), null=True, blank=True)
    response_head = models.TextField(_("response"), null=True, blank=True)
    error_message = models.TextField(_("error message"), null=True, blank=True)
    next_attempt_at = models.DateTimeField(_("next attempt at"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    completed_at = models.DateTimeField(_("completed at"), null=True, blank=True)

    objects: ClassVar = DeliveryQuerySet.as_manager()

    class Meta:
        db_table = "webhook_delivery"
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        indexes = [models.Index(fields=["webhook", "id"], name="webhook_delivery_history_idx")]
        constraints = [enum_check("webhook_delivery_status_enum", "status", DeliveryStatus)]

    def __str__(self) -> str:
        return str(self.event)
