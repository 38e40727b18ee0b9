"""Making and changing webhooks, telling them, and trying again (Standard Webhooks 1.0)."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib import outbound
from agi_site.lib.plain_json import repaired
from agi_site.lib.problems import Conflict, Invalid, Problem
from system import queue
from system.services import audit
from system.services.webhooks import declared

from .models import PATTERN, DeliveryStatus, Webhook, WebhookDelivery, fits

DELIVER_TASK, NOTE_TASK = "accounts.deliver_webhook", "accounts.tell_webhook_is_off"
MOST_WEBHOOKS, MOST_EVENTS = 20, 50
# Seconds before each further attempt: half a day in all.
WAITS = (5, 30, 120, 600, 1800, 7200, 14_400, 21_600)
# So many attempts in a row, whichever their deliveries, and the address counts as gone.
MOST_FAILURES = 25
TIMEOUT_SECONDS = 15
SHOWN_OF_ANSWERS = 1000
KEPT = timedelta(days=30)
OLD_KEY_SECONDS = 24 * 3600
# Other processes listen to a person's first webhook after this long.
SILENT_SECONDS, MOST_SILENT = 5.0, 10_000
TEST_EVENT = "webhook.test"


# --- Changing -----------------------------------------------------------------------------------------------
@transaction.atomic
def create_webhook(
    *, owner: Any, url: str, events: Sequence[str], description: str = "", enabled: bool = True
) -> Webhook:
    """Store a webhook with a fresh secret; `secret_of` tells it. Raises Invalid, naming the fields."""
    if Webhook.objects.for_user(owner).count() >= MOST_WEBHOOKS:
        raise Conflict(_("At most %(most)d webhooks.") % {"most": MOST_WEBHOOKS}, code="too_many_webhooks")
    webhook = Webhook(
        user=owner,
        url=url,
        events=list(events),
        description=description,
        enabled=enabled,
        secret={"key": _key()},
    )
    _save(webhook)
    audit(component="webhooks", message=f"webhook to {_host(url)} was added", by=owner)
    return webhook


@transaction.atomic
def change_webhook(*, webhook: Webhook, by: Any, **values: Any) -> Webhook:
    """Change `url`, `events`, `description` or `enabled`; switching it on again forgets its failures."""
    kept = list(webhook.events)
    for name, value in values.items():
        setattr(webhook, name, list(value) if name == "events" else value)
    if values.get("enabled"):
        webhook.failures, webhook.disabled_reason = 0, ""
    _save(webhook, kept=kept)
    audit(component="webhooks", message=f"webhook to {_host(webhook.url)} was changed", by=by)
    return webhook


@transaction.atomic
def delete_webhook(*, webhook: Webhook, by: Any) -> None:
    """Let a webhook go, with its deliveries."""
    _forget(webhook.user_id)
    audit(component="webhooks", message=f"webhook to {_host(webhook.url)} was deleted", by=by)
    webhook.delete()


@transaction.atomic
def rotate_secret(*, webhook: Webhook, by: Any) -> str:
    """Give a webhook a new secret and return it; for a day the old one signs, too."""
    until = int(time.time()) + OLD_KEY_SECONDS
    old = {"old": webhook.secret["key"], "old_until": until} if webhook.secret.get("key") else {}
    webhook.secret = {"key": _key(), **old}
    webhook.save(update_fields=["secret", "updated_at"])
    audit(
        component="webhooks", message=f"the secret of the webhook to {_host(webhook.url)} was changed", by=by
    )
    return secret_of(webhook)


def secret_of(webhook: Webhook) -> str:
    """The secret as the receiver configures it: `whsec_…`."""
    return str(webhook.secret["key"])


# --- Telling ------------------------------------------------------------------------------------------------
def is_heard(user_id: int, event: str) -> bool:
    """Whether one of a person's webhooks wants an event; mostly without a query."""
    return any(fits(patterns, event) for _id, patterns in _listening(user_id))


def emit(user_id: int, event: str, data: dict[str, Any]) -> None:
    """Store a delivery for each of a person's webhooks that listens; mostly without a query."""
    for webhook_id, patterns in _listening(user_id):
        if fits(patterns, event):
            _store(webhook_id, event, data)


@transaction.atomic
def send_test(*, webhook: Webhook, by: Any) -> WebhookDelivery:
    """Tell a webhook, and only it, that this works; also one that is off."""
    return _store(webhook.pk, TEST_EVENT, {"webhook_id": webhook.pk, "message": "It works."})


@transaction.atomic
def redeliver(*, delivery: WebhookDelivery, by: Any) -> WebhookDelivery:
    """Send an ended delivery once more, as the same message. Raises Conflict while it is on its way."""
    moved = WebhookDelivery.objects.filter(pk=delivery.pk).exclude(status=DeliveryStatus.PENDING)
    if not moved.update(status=DeliveryStatus.PENDING, attempts=0, completed_at=None, next_attempt_at=None):
        raise Conflict(_("This delivery is still on its way."), code="delivery_pending")
    delivery.refresh_from_db()
    _enqueue(delivery, attempt=0, run_at=None)
    return delivery


def _store(webhook_id: str, event: str, data: dict[str, Any]) -> WebhookDelivery:
    now = timezone.now()
    payload = {"type": event, "timestamp": now.isoformat().replace("+00:00", "Z"), "data": data}
    delivery: WebhookDelivery = WebhookDelivery.objects.create(
        webhook_id=webhook_id, event=event, payload=payload
    )
    _enqueue(delivery, attempt=0, run_at=None)
    return delivery


def _enqueue(delivery: WebhookDelivery, *, attempt: int, run_at: Any) -> None:
    queue.enqueue(
        task_type=DELIVER_TASK,
        payload={"delivery_id": delivery.pk},
        run_at=run_at,
        max_retries=0,
        key=f"{DELIVER_TASK}:{delivery.pk}:{attempt}:{int(run_at.timestamp()) if run_at else 0}",
    )


def deliver(*, delivery_id: str) -> WebhookDelivery | None:
    """Make one attempt; what fails is tried again later, by the table of waits. May run twice."""
    rows = WebhookDelivery.objects.select_related("webhook")
    delivery: WebhookDelivery | None = rows.filter(pk=delivery_id, status=DeliveryStatus.PENDING).first()
    if delivery is None:
        return None
    webhook = delivery.webhook
    if not webhook.enabled and delivery.event != TEST_EVENT:
        _end(delivery, DeliveryStatus.FAILED, error_message=_("The webhook is switched off."))
        return delivery
    body = json.dumps(delivery.payload, ensure_ascii=False, separators=(",", ":")).encode()
    answered: int | None = None
    said, fault = "", ""
    try:
        answer = outbound.fetch(
            "POST",
            webhook.url,
            headers=signed_headers(webhook, delivery.pk, body),
            content=body,
            timeout=TIMEOUT_SECONDS,
            max_bytes=1_000_000,
            max_redirects=0,
        )
        answered, said = answer.status, repaired(answer.text)[:SHOWN_OF_ANSWERS]
        if not 200 <= answer.status < 300:
            fault = _("The address answers %(status)d.") % {"status": answer.status}
    except Problem as problem:
        fault = str(problem.message)
    _note(delivery, answered=answered, said=said, fault=fault)
    return delivery


def signed_headers(webhook: Webhook, message_id: str, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks: id, time, and a signature by each key that counts now."""
    now = int(time.time())
    keys = [webhook.secret["key"]]
    if webhook.secret.get("old_until", 0) > now:
        keys.append(webhook.secret["old"])
    content = f"{message_id}.{now}.".encode() + body
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(f"v1,{_signature(key, content)}" for key in keys),
    }


@transaction.atomic
def _note(delivery: WebhookDelivery, *, answered: int | None, said: str, fault: str) -> None:
    """Write what came of an attempt, and what is to follow."""
    delivery.attempts += 1
    values: dict[str, Any] = {
        "attempts": delivery.attempts,
        "response_status": answered,
        "response_head": said or None,
        "error_message": fault or None,
    }
    webhook = Webhook.objects.filter(pk=delivery.webhook_id)
    if not fault:
        webhook.filter(failures__gt=0).update(failures=0)
        _end(delivery, DeliveryStatus.DELIVERED, **values)
        return
    if answered == 410:  # the receiver asks to be left alone
        _end(delivery, DeliveryStatus.FAILED, **values)
        _switch_off(delivery.webhook, _("The address says that it is gone (410)."))
        return
    webhook.update(failures=F("failures") + 1)
    delivery.webhook.refresh_from_db(fields=["failures", "enabled"])
    last = delivery.attempts > len(WAITS) or delivery.event == TEST_EVENT
    if last:
        _end(delivery, DeliveryStatus.FAILED, **values)
    else:
        at = timezone.now() + timedelta(seconds=WAITS[delivery.attempts - 1])
        _keep(delivery, **values, next_attempt_at=at)
        _enqueue(delivery, attempt=delivery.attempts, run_at=at)
    if delivery.webhook.enabled and delivery.webhook.failures >= MOST_FAILURES:
        text = _("It failed %(count)d times one after another. The last time: %(fault)s")
        _switch_off(delivery.webhook, text % {"count": delivery.webhook.failures, "fault": fault})


def _switch_off(webhook: Webhook, reason: str) -> None:
    changed = Webhook.objects.filter(pk=webhook.pk, enabled=True).update(
        enabled=False, disabled_reason=reason[:500], updated_at=timezone.now()
    )
    if changed:
        _forget(webhook.user_id)
        audit(
            component="webhooks",
            message=f"webhook to {_host(webhook.url)} was switched off: {reason}",
            by=None,
        )
        queue.enqueue(task_type=NOTE_TASK, payload={"webhook_id": webhook.pk})


def _end(delivery: WebhookDelivery, status: str, **values: Any) -> None:
    _keep(delivery, status=status, completed_at=timezone.now(), next_attempt_at=None, **values)


def _keep(delivery: WebhookDelivery, **values: Any) -> None:
    for name, value in values.items():
        setattr(delivery, name, value)
    delivery.save(update_fields=list(values))


def remove_old_deliveries() -> int:
    """Forget deliveries that ended long ago, at most some thousands at a time."""
    old = WebhookDelivery.objects.older_than(timezone.now() - KEPT).order_by("created_at")
    keys = list(old.values_list("pk", flat=True)[:5000])
    deleted, _kinds = WebhookDelivery.objects.filter(pk__in=keys).delete()
    return int(deleted)


# --- Inside -------------------------------------------------------------------------------------------------
# Who has no webhook at all, until when (`time.monotonic()`): most people, at every run of every tool. It is
# kept in this process, because asking a shared cache would cost as much as asking the table.
_silent: dict[int, float] = {}


def _listening(user_id: int) -> list[tuple[str, list[str]]]:
    now = time.monotonic()
    if _silent.get(user_id, 0.0) > now:
        return []
    found = list(Webhook.objects.filter(user=user_id, enabled=True).values_list("pk", "events"))
    if not found:
        if len(_silent) > MOST_SILENT:
            _silent.clear()
        _silent[user_id] = now + SILENT_SECONDS
    return found


def _forget(user_id: int) -> None:
    """Listen again: at once for this transaction, and after the commit for those who looked meanwhile."""
    _silent.pop(user_id, None)
    transaction.on_commit(lambda: _silent.pop(user_id, None), robust=True)


def _save(webhook: Webhook, *, kept: Sequence[str] = ()) -> None:
    """Check and store; events that it has `kept` are taken even where nothing emits them any more."""
    faults: dict[str, list[Any]] = {}
    try:
        outbound.checked_url(webhook.url)
    except Problem as problem:
        faults["url"] = [problem.message]
    events = webhook.events
    if not events or len(events) > MOST_EVENTS or not all(_is_pattern(one) for one in events):
        faults["events"] = [_("Choose events: names like plan_execution.completed, plan_execution.* or *.")]
    elif strangers := [fault for one in events if one not in kept and (fault := _stranger(one))]:
        faults["events"] = strangers[:5]
    if faults:
        raise Invalid(errors=faults)
    webhook.full_clean(exclude=["user", "secret"], validate_constraints=False)
    webhook.save()
    _forget(webhook.user_id)


def _is_pattern(value: Any) -> bool:
    return isinstance(value, str) and PATTERN.fullmatch(value) is not None


def _stranger(name: str) -> str:
    """What is wrong with the name of an event that never happens; "" for others, families and *."""
    known = declared()
    what, _dot, kind = name.partition(".")
    if kind in ("", "*") or kind in known.get(what, ()):
        return ""
    there_are = [f"{what}.{one}" for one in known.get(what, ())] or [f"{one}.*" for one in sorted(known)]
    message = _("There is no event “%(name)s”. Known: %(known)s.")
    return message % {"name": name, "known": ", ".join(there_are)}


def _key() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def _signature(key: str, content: bytes) -> str:
    raw = base64.b64decode(key.removeprefix("whsec_"))
    return base64.b64encode(hmac.new(raw, content, hashlib.sha256).digest()).decode()


def _host(url: str) -> str:
    return url.split("/")[2][:200] if url.count("/") >= 2 else url[:200]
