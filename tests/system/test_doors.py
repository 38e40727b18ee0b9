"""The system in the admin and over REST: who may see and do what, and that secrets stay hidden."""

from datetime import timedelta

import pytest
from django.urls import reverse

from agi_site.lib import crypto
from system import services
from system.models import HealthCheck, Log, Monitoring, Setting, TaskQueue

pytestmark = pytest.mark.django_db
RESOURCES = ["settings", "logs", "monitoring", "task-queue", "health-checks"]


@pytest.fixture
def secret(admin_user):
    return services.set_setting(
        category="mail", key="password", value="hunter2", by=admin_user, is_encrypted=True
    )


@pytest.fixture
def failed():
    return TaskQueue.objects.create(task_type="test.x", payload={}, status="failed", error_message="E: no")


def admin_url(page, *args):
    return reverse(f"admin:system_{page}", args=args)


# --- REST ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("resource", RESOURCES)
def test_the_systems_rows_are_for_those_who_run_it(resource, api_of, alice, operator, auditor):
    assert api_of(alice).get(f"/api/v1/{resource}/").status_code == 403
    assert api_of(operator).get(f"/api/v1/{resource}/").status_code == 200
    assert api_of(auditor).get(f"/api/v1/{resource}/").status_code == 200


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_list_takes_the_same_few_queries_for_1_and_100_rows(
    resource, api_of, admin_user, django_assert_max_num_queries, failed
):
    api = api_of(admin_user)
    for rows in (1, 100):
        for n in range(rows):
            Setting.objects.create(category="many", key=f"{rows}-{n}", value="v")
            Log.objects.create(level="info", message="m")
            Monitoring.objects.create(component="c", metric="m", value=1)
            HealthCheck.objects.create(component="c", status="up")
            TaskQueue.objects.create(task_type="t", payload={})
        with django_assert_max_num_queries(3):  # once its person's rights are known
            assert api.get(f"/api/v1/{resource}/?page_size=100").status_code == 200


def test_a_secret_is_masked_in_every_answer(api_of, operator, secret):
    api, where = api_of(operator), f"/api/v1/settings/{secret.pk}/"
    changed = api.patch(where, {"value": "hunter3"})
    answers = [api.get(where), api.get("/api/v1/settings/"), changed]
    assert all(answer.status_code == 200 for answer in answers)
    assert not any("hunter" in answer.content.decode() for answer in answers)
    assert changed.json()["value"] == crypto.MASK
    assert services.reveal_setting(category="mail", key="password", by=operator) == "hunter3"


@pytest.mark.parametrize(
    "change", [{"value": crypto.MASK}, {"description": "new"}, {"is_encrypted": False, "value": crypto.MASK}]
)
def test_a_secret_survives_a_change_that_does_not_name_a_new_one(change, api_of, operator, secret):
    assert api_of(operator).patch(f"/api/v1/settings/{secret.pk}/", change).status_code == 200
    assert services.reveal_setting(category="mail", key="password", by=operator) == "hunter2"
    assert Setting.objects.get(pk=secret.pk).is_encrypted


def test_a_setting_is_made_changed_and_removed_with_an_audit_line_each(api_of, operator):
    api = api_of(operator)
    made = api.post("/api/v1/settings/", {"category": "test", "key": "k", "value": "1"})
    assert made.status_code == 201, made.content
    where = f"/api/v1/settings/{made.json()['id']}/"
    assert api.patch(where, {"value": "2"}).json()["value"] == "2"
    assert api.patch(where, {"key": "other"}).status_code == 400
    assert api.delete(where).status_code == 204
    lines = Log.objects.recent(timedelta(minutes=1)).filter(component="settings", user_id=operator.pk)
    assert lines.count() == 3


def test_a_setting_that_exists_or_breaks_its_rules_is_refused(api_of, operator, secret):
    api = api_of(operator)
    again = {"category": "mail", "key": "password", "value": "x"}
    assert api.post("/api/v1/settings/", again).status_code in {400, 409}
    wrong = {"category": "retention", "key": "monitoring_days", "value": "soon"}
    Setting.objects.filter(category="retention").delete()
    answer = api.post("/api/v1/settings/", wrong)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["value"])


def test_the_log_is_asked_with_a_time_bound(api_of, operator, ago):
    old = Log.objects.create(level="error", message="old", timestamp=ago(days=60))
    Log.objects.create(level="error", message="new")
    api = api_of(operator)
    assert [line["message"] for line in api.get("/api/v1/logs/?level=error").json()["results"]] == ["new"]
    since = (old.timestamp - timedelta(days=1)).isoformat().replace("+00:00", "Z")
    found = api.get("/api/v1/logs/", {"timestamp__gte": since, "level": "error"}).json()["results"]
    assert {line["message"] for line in found} == {"old", "new"}


def test_an_operator_retries_and_cancels_a_task(api_of, operator, failed):
    api, where = api_of(operator), f"/api/v1/task-queue/{failed.pk}/"
    assert api.post(f"{where}cancel/").status_code == 409
    assert api.post(f"{where}retry/").json()["status"] == "pending"
    assert api.post(f"{where}cancel/").json()["status"] == "canceled"
    assert api.post("/api/v1/task-queue/none/retry/").status_code == 404


def test_an_auditor_reads_tasks_and_may_not_touch_them(api_of, auditor, alice, failed):
    where = f"/api/v1/task-queue/{failed.pk}/"
    assert api_of(auditor).get(where).status_code == 200
    for person in (auditor, alice):
        assert api_of(person).post(f"{where}retry/").status_code == 403
    failed.refresh_from_db()
    assert failed.status == "failed"


# --- Admin ---------------------------------------------------------------------------------------------
def test_operators_retry_and_cancel_tasks_in_the_admin(client_of, operator, failed):
    waiting = TaskQueue.objects.create(task_type="test.y", payload={})
    client, where = client_of(operator), admin_url("taskqueue_changelist")
    client.post(where, {"action": "retry", "_selected_action": [failed.pk]})
    client.post(where, {"action": "cancel", "_selected_action": [waiting.pk]})
    failed.refresh_from_db()
    waiting.refresh_from_db()
    assert (failed.status, waiting.status) == ("pending", "canceled")


def test_an_auditor_is_offered_no_verbs_in_the_admin(client_of, auditor, failed):
    client, where = client_of(auditor), admin_url("taskqueue_changelist")
    client.post(where, {"action": "retry", "_selected_action": [failed.pk]})
    failed.refresh_from_db()
    assert failed.status == "failed"
    assert client.get(where).status_code == 200


def test_a_secret_is_masked_in_the_admin_and_kept_when_the_mask_is_saved(client_of, operator, secret):
    client, where = client_of(operator), admin_url("setting_change", secret.pk)
    for page in (client.get(where), client.get(admin_url("setting_changelist"))):
        assert crypto.MASK in page.content.decode()
        assert "hunter2" not in page.content.decode()
        assert secret.value not in page.content.decode()
    client.post(where, {"value": crypto.MASK, "description": "new", "is_encrypted": "on"})
    assert services.reveal_setting(category="mail", key="password", by=operator) == "hunter2"
    assert Setting.objects.get(pk=secret.pk).description == "new"
    client.post(where, {"value": "hunter3", "description": "", "is_encrypted": "on"})
    assert services.reveal_setting(category="mail", key="password", by=operator) == "hunter3"


def test_showing_a_secret_in_the_admin_is_recorded(client_of, operator, secret):
    where = admin_url("setting_changelist")
    page = client_of(operator).post(where, {"action": "reveal", "_selected_action": [secret.pk]}, follow=True)
    assert "mail.password: hunter2" in page.content.decode()
    lines = Log.objects.recent(timedelta(minutes=1)).filter(user_id=operator.pk)
    assert lines.filter(message__startswith="secret setting mail.password was read").exists()


def test_a_new_setting_is_checked_in_the_admin(client_of, operator):
    client, where = client_of(operator), admin_url("setting_add")
    Setting.objects.filter(category="retention").delete()
    wrong = client.post(where, {"category": "retention", "key": "log_days", "value": "soon"})
    assert wrong.status_code == 200
    assert not Setting.objects.filter(key="log_days").exists()
    client.post(where, {"category": "retention", "key": "log_days", "value": "7"})
    assert services.get_setting(category="retention", key="log_days") == 7


def test_a_setting_removed_in_the_admin_leaves_an_audit_line(client_of, operator, secret):
    client_of(operator).post(admin_url("setting_delete", secret.pk), {"post": "yes"})
    assert not Setting.objects.filter(pk=secret.pk).exists()
    lines = Log.objects.recent(timedelta(minutes=1)).filter(user_id=operator.pk)
    assert lines.filter(message__startswith="setting mail.password was removed").exists()


def test_the_log_in_the_admin_reaches_back_a_week_unless_told_otherwise(client_of, operator, admin_user, ago):
    line = Log.objects.create(level="error", message="long ago", timestamp=ago(days=20))
    client, where = client_of(operator), admin_url("log_changelist")
    assert "long ago" not in client.get(where).content.decode()
    assert "long ago" in client.get(where, {"span": "30"}).content.decode()
    assert client.get(where, {"span": "x'; --"}).status_code == 200
    for person in (operator, admin_user):
        client_of(person).post(admin_url("log_delete", line.pk), {"post": "yes"})
    assert Log.objects.filter(pk=line.pk).exists()
