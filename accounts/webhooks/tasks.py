"""Telling webhooks, outside of requests."""

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from system import queue

from . import services
from .models import Webhook


@queue.task_type(services.DELIVER_TASK, time_limit=60, max_retries=0)
def deliver_webhook(task: queue.TaskRun, *, delivery_id: str) -> dict[str, str] | None:
    """Make one attempt at a delivery."""
    delivery = services.deliver(delivery_id=delivery_id)
    return {"status": str(delivery.status)} if delivery else None


@queue.task_type(services.NOTE_TASK, time_limit=60)
def tell_webhook_is_off(task: queue.TaskRun, *, webhook_id: str) -> None:
    """Write to the owner of a webhook that was switched off because it failed too often."""
    webhook = Webhook.objects.select_related("user").filter(pk=webhook_id, enabled=False).first()
    if webhook is None or not webhook.user.email:
        return
    with translation.override(webhook.user.language or None):
        subject = _("A webhook was switched off")
        body = render_to_string("accounts/email/webhook_off.txt", {"webhook": webhook, "user": webhook.user})
    EmailMessage(subject=subject, body=body, to=[webhook.user.email]).send()


@queue.periodic("accounts.remove_old_deliveries", every=3600)
def remove_old_deliveries() -> int:
    """Forget deliveries that ended a month ago."""
    return services.remove_old_deliveries()
