"""Webhooks: told to a real server that checks signatures, tried again, switched off when nobody is there."""

import ast
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

import sandbox
from accounts.webhooks import services
from accounts.webhooks.models import Webhook, WebhookDelivery
from agi_site.lib.problems import Conflict, Invalid
from system.models import Log, TaskQueue
from system.services.webhooks import declared, emit


class Receiver(ThreadingHTTPServer):
    """Somebody's program: answers `status`, and keeps what it verified with `secret`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.secret = 204, ""
        self.got: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def verified(self, headers: Any, body: bytes) -> bool:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        wanted = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return f"v1,{wanted}" in headers["webhook-signature"].split(" ")


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def log_message(self, *args: Any) -> None:
        """Nothing to say."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(
            {
                "id": self.headers["webhook-id"],
                "verified": self.server.verified(self.headers, body),
                "signatures": self.headers["webhook-signature"],
                **json.loads(body),
            }
        )
        self.send_response(self.server.status)
        self.send_header("location", "http://127.0.0.1:1/")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.OUTBOUND_PRIVATE_HOSTS = ["127.0.0.1"]
    running = Receiver()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def hook(receiver: Receiver, alice: Any, django_capture_on_commit_callbacks: Any) -> Webhook:
    """Alice's, for everything that happens to plans."""
    with django_capture_on_commit_callbacks(execute=True):
        webhook = services.create_webhook(owner=alice, url=receiver.url, events=["plan_execution.*"])
    receiver.secret = services.secret_of(webhook)
    return webhook


def due_now() -> None:
    """Time passes until the next attempt."""
    past = timezone.now() - timedelta(seconds=1)
    TaskQueue.objects.filter(status="pending").update(available_at=past)


def test_an_event_is_told_and_its_signature_holds(
    hook: Webhook, receiver: Receiver, alice: Any, run_tasks: Any
) -> None:
    emit(user_id=alice.pk, event="plan_execution.completed", data={"id": "x", "title": "여행"})
    run_tasks()

    (got,) = receiver.got
    assert got["verified"]
    assert got["type"] == "plan_execution.completed"
    assert got["data"] == {"id": "x", "title": "여행"}
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.attempts, delivery.response_status) == ("delivered", 1, 204)
    assert got["id"] == delivery.pk


def test_only_what_was_asked_for_is_told_and_only_to_its_owner(
    hook: Webhook, receiver: Receiver, alice: Any, bob: Any, run_tasks: Any
) -> None:
    emit(user_id=alice.pk, event="tool_execution.completed", data={})
    emit(user_id=bob.pk, event="plan_execution.completed", data={})
    emit(user_id=None, event="plan_execution.completed", data={})
    run_tasks()
    assert receiver.got == []


def test_where_nobody_listens_an_event_costs_no_query(alice: Any, django_assert_num_queries: Any) -> None:
    emit(user_id=alice.pk, event="plan_execution.completed", data={})
    with django_assert_num_queries(0):
        emit(user_id=alice.pk, event="plan_execution.completed", data={})


def test_what_is_rolled_back_is_never_told(
    hook: Webhook, receiver: Receiver, alice: Any, run_tasks: Any
) -> None:
    with transaction.atomic():
        emit(user_id=alice.pk, event="plan_execution.failed", data={})
        transaction.set_rollback(True)
    run_tasks()
    assert receiver.got == []


def test_a_failed_attempt_is_made_again_as_the_same_message(
    hook: Webhook, receiver: Receiver, alice: Any, run_tasks: Any
) -> None:
    receiver.status = 500
    emit(user_id=alice.pk, event="plan_execution.failed", data={})
    run_tasks()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.attempts, delivery.response_status) == ("pending", 1, 500)
    assert delivery.next_attempt_at > timezone.now()

    receiver.status = 200
    due_now()
    run_tasks()

    delivery.refresh_from_db()
    hook.refresh_from_db()
    assert (delivery.status, delivery.attempts, hook.failures) == ("delivered", 2, 0)
    assert receiver.got[0]["id"] == receiver.got[1]["id"]


def test_attempts_come_to_an_end(hook: Webhook, receiver: Receiver, alice: Any, run_tasks: Any) -> None:
    receiver.status = 503
    emit(user_id=alice.pk, event="plan_execution.failed", data={})
    for _attempt in range(len(services.WAITS) + 3):
        due_now()
        run_tasks()
    delivery = WebhookDelivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("failed", len(services.WAITS) + 1)
    assert "503" in delivery.error_message


def test_redirects_are_failures_and_not_followed(
    hook: Webhook, receiver: Receiver, alice: Any, run_tasks: Any
) -> None:
    receiver.status = 302
    emit(user_id=alice.pk, event="plan_execution.failed", data={})
    run_tasks()
    assert WebhookDelivery.objects.get().response_status == 302


def test_an_address_that_fails_too_often_is_switched_off_and_its_owner_told(
    hook: Webhook, receiver: Receiver, alice: Any, run_tasks: Any, mailoutbox: list[Any]
) -> None:
    receiver.status = 500
    Webhook.objects.update(failures=services.MOST_FAILURES - 1)
    emit(user_id=alice.pk, event="plan_execution.failed", data={})
    run_tasks()

    hook.refresh_from_db()
    assert not hook.enabled
    assert "500" in hook.disabled_reason
    assert [mail.to for mail in mailoutbox] == [[alice.email]]
    assert hook.url in mailoutbox[0].body
    assert Log.objects.filter(component="webhooks", message__contains="switched off").exists()

    services.change_webhook(webhook=hook, by=alice, enabled=True)
    assert (hook.failures, hook.disabled_reason) == (0, "")


def test_an_address_that_says_it_is_gone_is_switched_off_at_once(
    hook: Webhook, receiver: Receiver, alice: Any, run_tasks: Any
) -> None:
    receiver.status = 410
    emit(user_id=alice.pk, event="plan_execution.failed", data={})
    run_tasks()
    hook.refresh_from_db()
    assert not hook.enabled


def test_private_addresses_are_refused_at_delivery(
    hook: Webhook, receiver: Receiver, alice: Any, run_tasks: Any, settings: Any
) -> None:
    settings.OUTBOUND_PRIVATE_HOSTS = []
    emit(user_id=alice.pk, event="plan_execution.failed", data={})
    run_tasks()
    assert receiver.got == []
    assert "OUTBOUND_PRIVATE_HOSTS" in WebhookDelivery.objects.get().error_message


def test_a_new_secret_signs_beside_the_old_one_for_a_day(
    hook: Webhook, receiver: Receiver, alice: Any, run_tasks: Any
) -> None:
    fresh = services.rotate_secret(webhook=hook, by=alice)
    emit(user_id=alice.pk, event="plan_execution.failed", data={})
    run_tasks()
    assert receiver.got[-1]["verified"]  # by the old one still
    receiver.secret = fresh
    services.send_test(webhook=hook, by=alice)
    run_tasks()
    assert receiver.got[-1]["verified"]
    assert len(receiver.got[-1]["signatures"].split()) == 2

    hook.secret = hook.secret | {"old_until": 0}
    hook.save()
    services.send_test(webhook=hook, by=alice)
    run_tasks()
    assert len(receiver.got[-1]["signatures"].split()) == 1


def test_a_delivery_can_be_sent_again_once_it_has_ended(
    hook: Webhook, receiver: Receiver, alice: Any, run_tasks: Any
) -> None:
    delivery = services.send_test(webhook=hook, by=alice)
    with pytest.raises(Conflict):
        services.redeliver(delivery=delivery, by=alice)
    run_tasks()
    services.redeliver(delivery=delivery, by=alice)
    run_tasks()
    assert [got["id"] for got in receiver.got] == [delivery.pk] * 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"url": "ftp://x.test/"}, "url"),
        ({"url": "http://user:pw@x.test/"}, "url"),
        ({"url": "http://2130706433/"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["no such thing!"]}, "events"),
        ({"events": ["*.completed"]}, "events"),
        ({"events": ["plan_execution.*", "plan_execution.complete"]}, "events"),
    ],
)
def test_bad_input_is_named(alice: Any, values: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        services.create_webhook(**{"owner": alice, "url": "https://x.test/", "events": ["*"], **values})
    assert list(refused.value.errors) == [field]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("message.done", "There is no event “message.done”. Known: message.completed."),
        ("plan.completed", "plan_execution.*, plan_step_execution.*, sandbox.*"),
    ],
)
def test_an_event_that_never_happens_is_refused_and_the_known_ones_are_named(
    name: str, known: str, alice: Any, api_of: Any
) -> None:
    body = {"url": "https://x.test/", "events": [name]}
    refused = api_of(alice).post("/api/v1/webhooks/", body)
    assert refused.status_code == 400
    assert known in refused.json()["errors"]["events"][0]


def test_an_event_that_is_no_more_stands_in_no_change_s_way(alice: Any) -> None:
    hook = services.create_webhook(owner=alice, url="https://x.test/", events=["sandbox.*"])
    Webhook.objects.filter(pk=hook.pk).update(events=["sandbox.melted"])
    hook.refresh_from_db()
    services.change_webhook(webhook=hook, by=alice, enabled=False)
    with pytest.raises(Invalid, match="correct"):
        services.change_webhook(webhook=hook, by=alice, events=["sandbox.melted", "sandbox.frozen"])


def test_what_is_told_of_sandboxes_can_be_asked_for() -> None:
    """Every kind of event that the sandboxes' code names, where it notes one or ends a verb."""
    calls = {"note": 1, "note_and_tell": 1, "_settle": 2, "_running": 2, "finish": 1}
    told = set()
    for path in Path(sandbox.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            place = calls.get(getattr(node.func, "attr", getattr(node.func, "id", "")))
            kinds = [node.args[place]] if place is not None and len(node.args) > place else []
            told |= {kind.value for kind in kinds if isinstance(kind, ast.Constant)}
    assert {"started", "applied", "deleted", "marked", "restored"} <= told
    assert told <= set(declared()["sandbox"])


def test_deliveries_of_long_ago_are_forgotten(hook: Webhook, alice: Any) -> None:
    old = services.send_test(webhook=hook, by=alice)
    long_ago = timezone.now() - timedelta(days=31)
    WebhookDelivery.objects.filter(pk=old.pk).update(created_at=long_ago, status="delivered")
    services.send_test(webhook=hook, by=alice)
    assert services.remove_old_deliveries() == 1


# --- Doors ------------------------------------------------------------------
def test_over_rest_the_secret_is_shown_once(
    receiver: Receiver, alice: Any, bob: Any, api_of: Any, run_tasks: Any
) -> None:
    api = api_of(alice)
    made = api.post("/api/v1/webhooks/", {"url": receiver.url, "events": ["*"]})
    assert made.status_code == 201, made.json()
    receiver.secret = made.json()["secret"]
    address = f"/api/v1/webhooks/{made.json()['id']}/"
    assert "secret" not in api.get(address).json()

    sent = api.post(f"{address}test/")
    assert sent.status_code == 202
    run_tasks()
    assert receiver.got[0]["verified"]
    listed = api.get("/api/v1/webhook-deliveries/").json()["results"]
    assert [one["status"] for one in listed] == ["delivered"]
    assert api.post(f"/api/v1/webhook-deliveries/{listed[0]['id']}/redeliver/").status_code == 202
    assert api.post(f"{address}rotate_secret/").json()["secret"] != receiver.secret
    assert api.patch(address, {"events": ["bad!"]}).status_code == 400
    for verb in ("test", "rotate_secret"):
        assert api_of(bob).post(f"{address}{verb}/").status_code == 404
    assert api_of(bob).get("/api/v1/webhook-deliveries/").json()["results"] == []
    assert api.delete(address).status_code == 204


def test_pages_make_show_test_and_delete(
    receiver: Receiver, alice: Any, bob: Any, client_of: Any, run_tasks: Any
) -> None:
    client = client_of(alice)
    assert client.get("/accounts/webhooks/").status_code == 200
    assert (
        client.post("/accounts/webhooks/new/", {"url": "ftp://x/", "families": ["approval.*"]}).status_code
        == 400
    )
    assert client.post("/accounts/webhooks/new/", {"url": receiver.url}).status_code == 400
    shown = client.post("/accounts/webhooks/new/", {"url": receiver.url, "names": "*", "enabled": "on"})
    assert "whsec_" in shown.content.decode()
    webhook = Webhook.objects.get()
    receiver.secret = services.secret_of(webhook)
    address = f"/accounts/webhooks/{webhook.pk}/"
    client.post(f"{address}test/")
    run_tasks()
    page = client.get(address).content.decode()
    assert "webhook.test" in page
    assert "whsec_" not in page
    delivery = WebhookDelivery.objects.get()
    assert client.post(f"/accounts/webhooks/deliveries/{delivery.pk}/again/").status_code == 302
    changed = {"url": receiver.url, "families": ["approval.*"], "names": "", "enabled": "on"}
    assert client.post(f"{address}change/", changed).status_code == 302
    assert Webhook.objects.get().events == ["approval.*"]
    assert "whsec_" in client.post(f"{address}secret/").content.decode()
    for verb in ("", "change/"):
        assert client_of(bob).get(address + verb).status_code == 404
    for verb in ("test/", "secret/", "delete/"):
        assert client_of(bob).post(address + verb).status_code == 404
    client.post(f"{address}delete/")
    assert not Webhook.objects.exists()


def test_operators_see_webhooks_without_their_secrets(alice: Any, operator: Any, client_of: Any) -> None:
    hook = services.create_webhook(owner=alice, url="https://x.test/", events=["*"])
    page = client_of(operator).get(f"/admin/accounts/webhook/{hook.pk}/change/").content.decode()
    assert "https://x.test/" in page
    assert "whsec_" not in page


def test_lists_take_a_bounded_number_of_queries(
    alice: Any, client_of: Any, api_of: Any, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        hook = services.create_webhook(owner=alice, url=f"https://x{number}.test/", events=["*"])
        services.send_test(webhook=hook, by=alice)
    client, api = client_of(alice), api_of(alice)
    with django_assert_max_num_queries(6):
        client.get("/accounts/webhooks/")
    with django_assert_max_num_queries(4):
        api.get("/api/v1/webhook-deliveries/")
