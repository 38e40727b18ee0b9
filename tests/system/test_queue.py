"""The queue drained in this thread: what is stored, in which order it runs, and how it ends."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from agi_site.lib.problems import Invalid, NotFound, TooMany, Unavailable
from system import queue
from system.models import Setting, TaskQueue, TaskStatus
from system.queue import outbox, worker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]


def enqueue_failing(error, **options):
    @queue.task_type("test.fail", max_retries=2)
    def fail(task):
        raise error

    return queue.enqueue(task_type="test.fail", payload={}, **options)


# --- Storing -------------------------------------------------------------------------------------------
def test_a_task_runs_with_its_payload_and_keeps_its_result():
    @queue.task_type("test.add")
    def add(task, a, b):
        return {"sum": a + b, "attempt": task.attempt}

    task = queue.enqueue(task_type="test.add", payload={"a": 1, "b": 2})
    assert queue.run_pending() == 1
    task.refresh_from_db()
    assert (task.status, task.result) == (TaskStatus.COMPLETED, {"sum": 3, "attempt": 1})
    assert task.started_at <= task.completed_at
    assert task.lease_until is None


def test_a_task_nobody_can_do_is_refused_where_it_is_stored():
    with pytest.raises(queue.UnknownTaskType, match=r"test\.nothing"):
        queue.enqueue(task_type="test.nothing", payload={})


def test_a_payload_that_is_no_json_is_refused_where_it_is_stored(noted):
    with pytest.raises(TypeError):
        queue.enqueue(task_type="test.note", payload={"text": object()})


def test_a_worker_is_woken_after_the_commit_and_not_before(noted, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        task = queue.enqueue(task_type="test.note", payload={"text": "a"}, queue="training")
        assert sent == []
    assert sent == [("training", task.pk)]


def test_what_is_rolled_back_is_neither_stored_nor_sent(noted, sent, django_capture_on_commit_callbacks):
    def store_and_fail():
        with transaction.atomic():
            queue.enqueue(task_type="test.note", payload={"text": "a"})
            raise ZeroDivisionError

    with django_capture_on_commit_callbacks(execute=True), pytest.raises(ZeroDivisionError):
        store_and_fail()
    assert sent == []
    assert not TaskQueue.objects.exists()


def test_a_broker_out_of_reach_does_not_stop_the_one_who_stores(
    noted, monkeypatch, django_capture_on_commit_callbacks
):
    tries = []

    def refuse(*args, **options):
        tries.append(args)
        raise ConnectionRefusedError

    monkeypatch.setattr("system.queue.outbox._broker_rests_until", 0.0)
    monkeypatch.setattr(outbox.current_app._get_current_object(), "send_task", refuse, raising=False)
    with django_capture_on_commit_callbacks(execute=True):
        for text in "abc":
            queue.enqueue(task_type="test.note", payload={"text": text})
    assert len(tries) == 1  # then the broker is left alone for a while
    queue.run_pending()
    assert noted == ["a", "b", "c"]


def test_a_key_stands_for_one_waiting_or_running_task(noted):
    first = queue.enqueue(task_type="test.note", payload={"text": "a"}, key="k")
    assert queue.enqueue(task_type="test.note", payload={"text": "b"}, key="k").pk == first.pk
    claimed = worker.claim()
    assert queue.enqueue(task_type="test.note", payload={"text": "b"}, key="k").pk == claimed.pk
    assert TaskQueue.objects.count() == 1


@pytest.mark.parametrize("end", ["done", "failed", "canceled"])
def test_a_key_is_free_again_when_its_task_has_ended(noted, end):
    first = queue.enqueue(task_type="test.note", payload={"text": "a"}, key="k", max_retries=0)
    if end == "failed":
        TaskQueue.objects.update(payload={"wrong": 1})
    if end == "canceled":
        queue.cancel(task_id=first.pk, by=None)
    queue.run_pending()
    assert queue.enqueue(task_type="test.note", payload={"text": "b"}, key="k").pk != first.pk


def test_storing_a_task_takes_one_query(noted, django_assert_num_queries):
    with django_assert_num_queries(1):
        queue.enqueue(task_type="test.note", payload={"text": "a"})


# --- Order ---------------------------------------------------------------------------------------------
def test_the_most_urgent_runs_first_and_equals_in_their_order(noted):
    for text, priority in [("a", 0), ("b", 5), ("c", 0), ("d", 9), ("e", 5)]:
        queue.enqueue(task_type="test.note", payload={"text": text}, priority=priority)
    queue.run_pending()
    assert noted == ["d", "b", "e", "a", "c"]


def test_a_wake_up_does_the_most_urgent_task_of_its_queue_only(noted):
    queue.enqueue(task_type="test.note", payload={"text": "a"})
    queue.enqueue(task_type="test.note", payload={"text": "b"}, queue="training", priority=9)
    assert worker.claim(queue="default").payload == {"text": "a"}
    assert worker.claim(queue="default") is None


def test_a_task_waits_until_its_time(noted):
    later = timezone.now() + timedelta(hours=1)
    queue.enqueue(task_type="test.note", payload={"text": "a"}, run_at=later)
    assert queue.run_pending() == 0
    assert queue.run_pending(until=later) == 1


def test_a_task_may_queue_another_and_both_run():
    seen = []

    @queue.task_type("test.first")
    def first(task):
        seen.append("first")
        queue.enqueue(task_type="test.second", payload={})

    @queue.task_type("test.second")
    def second(task):
        seen.append("second")

    queue.enqueue(task_type="test.first", payload={})
    assert queue.run_pending() == 2
    assert seen == ["first", "second"]


def test_claiming_costs_the_same_with_ten_and_a_thousand_waiting(noted, django_assert_num_queries):
    for count in (10, 1000):
        TaskQueue.objects.bulk_create(
            TaskQueue(task_type="test.note", payload={"text": "a"}) for _n in range(count)
        )
        with django_assert_num_queries(4):  # savepoint, look, take, release
            worker.claim(queue="default")


@pytest.mark.on_mysql
def test_the_claim_is_answered_by_its_index():
    TaskQueue.objects.bulk_create(TaskQueue(task_type="t", payload={}) for _n in range(2000))
    plan = TaskQueue.objects.due(timezone.now(), "default")[:1].explain()
    assert "task_queue_claim_idx" in plan
    assert "filesort" not in plan


# --- Failing -------------------------------------------------------------------------------------------
def test_a_failing_task_is_tried_again_later_and_later_and_then_given_up(settings):
    settings.TASK_RETRY_SECONDS = 10
    task = enqueue_failing(ValueError("password=hunter2 is wrong"))
    waits = []
    for _attempt in range(3):
        TaskQueue.objects.filter(status="pending").update(available_at=timezone.now())
        queue.run_pending()
        task.refresh_from_db()
        waits.append((task.available_at - timezone.now()).total_seconds())
    assert 7 < waits[0] < 13
    assert 14 < waits[1] < 26
    assert (task.status, task.retry_count) == (TaskStatus.FAILED, 2)
    assert task.error_message == "ValueError: password=[hidden] is wrong"


def test_attempts_are_spread_so_that_a_crowd_does_not_come_back_at_once(settings):
    settings.TASK_RETRY_SECONDS = 10
    assert len({round(worker.backoff(1), 3) for _n in range(20)}) > 10
    assert worker.backoff(60) <= worker.MOST_BACKOFF_SECONDS * 1.25


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("no"), "failed"),
        (NotFound("no"), "failed"),
        (Unavailable("later"), "pending"),
        (OSError("later"), "pending"),
    ],
)
def test_a_refusal_is_final_and_a_part_that_is_away_is_not(error, status):
    task = enqueue_failing(error)
    queue.run_pending()
    task.refresh_from_db()
    assert task.status == status


@pytest.mark.parametrize(("retryable", "status"), [(True, "pending"), (False, "failed")])
def test_an_error_may_say_itself_whether_another_attempt_makes_sense(retryable, status):
    error = RuntimeError("engine")
    error.retryable = retryable
    task = enqueue_failing(error)
    queue.run_pending()
    task.refresh_from_db()
    assert task.status == status


@pytest.mark.parametrize(("says_so", "traced"), [(True, False), (False, True)])
def test_only_a_failure_that_nobody_expected_leaves_a_traceback_in_the_log(caplog, says_so, traced):
    error = OSError("nobody answers")
    if says_so:
        error.retryable = True
    enqueue_failing(error)
    queue.run_pending()
    line = next(line for line in caplog.records if "nobody answers" in line.getMessage())
    assert bool(line.exc_info) is traced


def test_too_many_says_when_to_come_back():
    task = enqueue_failing(TooMany("wait", retry_after=300))
    queue.run_pending()
    task.refresh_from_db()
    assert (task.available_at - timezone.now()).total_seconds() > 295


def test_a_type_that_a_newer_version_stored_waits_for_a_worker_that_knows_it():
    task = TaskQueue.objects.create(task_type="test.from_the_future", payload={})
    queue.run_pending()
    task.refresh_from_db()
    assert task.status == TaskStatus.PENDING
    assert "UnknownTaskType" in task.error_message


def test_what_a_transactional_task_wrote_before_it_failed_is_gone():
    @queue.task_type("test.write", transactional=True)
    def write(task):
        Setting.objects.create(category="test", key="written", value="1")
        raise OSError("in the middle")

    queue.enqueue(task_type="test.write", payload={})
    queue.run_pending()
    assert not Setting.objects.filter(category="test").exists()


@pytest.mark.parametrize("transactional", [True, False])
def test_a_worker_that_lost_its_task_meanwhile_does_not_end_it(transactional):
    @queue.task_type("test.slow", transactional=transactional)
    def slow(task):
        Setting.objects.create(category="test", key="written", value="1")
        TaskQueue.objects.filter(pk=task.id).update(worker="another")
        return {"from": "the first"}

    task = queue.enqueue(task_type="test.slow", payload={})
    queue.run_pending()
    task.refresh_from_db()
    assert task.result is None
    if transactional:  # the very statement that took the task away is undone with the rest
        assert not Setting.objects.filter(category="test").exists()
    else:
        assert (task.status, task.worker) == (TaskStatus.PROCESSING, "another")


def test_a_database_that_comes_back_gets_to_know_how_the_task_ended(noted, monkeypatch):
    failures = [OperationalError("gone"), OperationalError("gone")]
    real = worker._complete

    def sometimes(*args):
        if failures:
            raise failures.pop()
        real(*args)

    monkeypatch.setattr(worker, "_complete", sometimes)
    monkeypatch.setattr(worker.time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(worker, "connection", _OutsideOfTransactions())
    task = queue.enqueue(task_type="test.note", payload={"text": "a"})
    queue.run(task.pk)
    task.refresh_from_db()
    assert task.status == TaskStatus.COMPLETED
    assert noted == ["a"]


class _OutsideOfTransactions:
    in_atomic_block = False
    features = connection.features

    def close(self):
        """The test's own transaction has to live on."""
