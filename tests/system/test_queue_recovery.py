"""The queue when something is canceled, lost or late; what the keeper does; and events between apps."""

import json
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from agi_site.lib.problems import Conflict, Invalid, NotFound
from system import queue
from system.models import Log, TaskQueue, TaskStatus
from system.queue import keeper, outbox, registry, sweeping, worker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("kinds")]


def enqueue_failing(error, **options):
    @queue.task_type("test.fail", max_retries=2)
    def fail(task):
        raise error

    return queue.enqueue(task_type="test.fail", payload={}, **options)


# --- Stopping ------------------------------------------------------------------------------------------
def test_a_waiting_task_that_is_canceled_does_not_run(noted, operator):
    task = queue.enqueue(task_type="test.note", payload={"text": "a"})
    assert queue.cancel(task_id=task.pk, by=operator).status == TaskStatus.CANCELED
    queue.run_pending()
    assert noted == []
    line = Log.objects.recent(timedelta(minutes=1)).get(component="queue")
    assert (line.user_id, line.message) == (operator.pk, f"task {task.pk} was canceled (by {operator})")


def test_a_running_task_hears_that_it_was_canceled_and_its_end_does_not_count(
    monkeypatch, django_capture_on_commit_callbacks
):
    heard = []

    @queue.task_type("test.long")
    def long(task):
        heard.append(task.cancelled())
        with django_capture_on_commit_callbacks(execute=True):
            queue.cancel(task_id=task.id, by=None)
        heard.append(task.cancelled())
        task.check()
        heard.append("went on")

    task = queue.enqueue(task_type="test.long", payload={})
    queue.run_pending()
    task.refresh_from_db()
    assert heard == [False, True]
    assert task.status == TaskStatus.CANCELED


def test_a_running_task_asks_the_table_only_now_and_then(django_assert_num_queries):
    task = queue.TaskRun(TaskQueue(task_type="t", payload={}), worker="w", time_limit=60, watched=False)
    with django_assert_num_queries(0):
        assert not any(task.cancelled() for _n in range(1000))
    task._polled -= 2
    with django_assert_num_queries(1):
        assert task.cancelled()


def test_a_task_out_of_time_is_told_so_and_tried_again():
    @queue.task_type("test.late", time_limit=0.01)
    def late(task):
        time.sleep(0.02)
        assert task.cancelled()
        task.check()

    task = queue.enqueue(task_type="test.late", payload={})
    queue.run_pending()
    task.refresh_from_db()
    assert task.status == TaskStatus.PENDING
    assert "time limit" in task.error_message


def test_a_task_that_has_ended_cannot_be_canceled(noted):
    task = queue.enqueue(task_type="test.note", payload={"text": "a"})
    queue.run_pending()
    with pytest.raises(Conflict):
        queue.cancel(task_id=task.pk, by=None)
    with pytest.raises(NotFound):
        queue.cancel(task_id="none", by=None)


def test_a_failed_task_that_is_retried_has_all_its_attempts_again(operator, sent):
    task = enqueue_failing(Invalid("no"))
    queue.run_pending()
    again = queue.retry(task_id=task.pk, by=operator)
    assert (again.status, again.retry_count, again.error_message) == (TaskStatus.PENDING, 0, None)
    with pytest.raises(Conflict):
        queue.retry(task_id=task.pk, by=operator)
    with pytest.raises(NotFound):
        queue.retry(task_id="none", by=operator)


def test_progress_is_told_on_the_tasks_own_channel():
    from agi_site.lib import events

    @queue.task_type("test.tell")
    def tell(task):
        task.progress({"done": 0.5})

    task = queue.enqueue(task_type="test.tell", payload={})
    queue.run_pending()
    told = [(event.name, event.data) for event in events.read(f"task:{task.pk}")]
    assert told == [("progress", {"done": 0.5}), ("completed", {})]


# --- Finding again what was lost -------------------------------------------------------------------------
def test_a_wake_up_that_got_lost_is_sent_again(noted, sent, pass_time):
    task = queue.enqueue(task_type="test.note", payload={"text": "a"})
    assert queue.sweep() == (0, 0)
    pass_time(60)
    assert queue.sweep() == (0, 1)
    assert sent == [("default", task.pk)]
    assert queue.sweep() == (0, 0)


def test_a_task_that_waits_for_its_time_is_woken_then(noted, sent, pass_time):
    soon = timezone.now() + timedelta(seconds=30)
    queue.enqueue(task_type="test.note", payload={"text": "a"}, run_at=soon)
    assert queue.sweep() == (0, 0)
    pass_time(31)
    assert queue.sweep() == (0, 1)


def test_a_full_broker_gets_no_more_wake_ups(noted, sent, pass_time, monkeypatch):
    monkeypatch.setattr(sweeping, "waiting_at_broker", lambda _queue: sweeping.BATCH - 1)
    for _n in range(3):
        queue.enqueue(task_type="test.note", payload={"text": "a"})
    pass_time(60)
    queue.sweep()
    assert len(sent) == 1


def test_the_size_of_the_brokers_queue_is_known():
    from celery import current_app

    before = sweeping.waiting_at_broker("counted")
    current_app.send_task(outbox.RUN_TASK, args=["counted", ""], queue="counted")
    assert sweeping.waiting_at_broker("counted") == before + 1


def test_what_a_silent_worker_held_is_opened_again(noted, sent, pass_time):
    task = queue.enqueue(task_type="test.note", payload={"text": "a"})
    worker.claim()
    assert queue.sweep() == (0, 0)
    pass_time(60)
    assert queue.sweep() == (1, 1)
    task.refresh_from_db()
    assert (task.status, task.retry_count) == (TaskStatus.PENDING, 1)
    queue.run_pending()
    assert noted == ["a"]


def test_a_task_that_costs_worker_after_worker_is_given_up(noted, sent, pass_time):
    task = queue.enqueue(task_type="test.note", payload={"text": "a"}, max_retries=2)
    for _worker in range(3):
        assert worker.claim() is not None
        pass_time(60)
        queue.sweep()
    task.refresh_from_db()
    assert task.status == TaskStatus.FAILED
    assert "WorkerLost" in task.error_message


def test_at_its_start_a_worker_opens_what_dead_processes_of_its_machine_left(noted):
    for text in "abcd":
        queue.enqueue(task_type="test.note", payload={"text": text})
    dead, alive, elsewhere, forerunner = (worker.claim() for _n in range(4))
    for row, name in [
        (dead, f"{worker.place()}:4194999:aaaa"),
        (alive, f"{worker.place()}:1:bbbb"),
        (elsewhere, "other-machine:4194999:cccc"),
    ]:
        TaskQueue.objects.filter(pk=row.pk).update(worker=name)
    assert queue.reopen_dead() == 2
    waiting = TaskQueue.objects.filter(status="pending").values_list("pk", flat=True)
    assert set(waiting) == {dead.pk, forerunner.pk}


def test_a_broker_that_began_empty_is_told_of_everything_that_waits(noted, sent):
    queue.enqueue(task_type="test.note", payload={"text": "a"})
    queue.enqueue(task_type="test.note", payload={"text": "b"}, run_at=timezone.now() + timedelta(hours=1))
    queue.wake_all()
    assert queue.sweep() == (0, 1)


def test_a_sweep_takes_few_queries_however_much_waits(sent, django_assert_max_num_queries, ago):
    TaskQueue.objects.bulk_create(
        TaskQueue(task_type="test.note", payload={}, available_at=ago(hours=1), resend_at=ago(hours=1))
        for _n in range(sweeping.BATCH + 100)
    )
    with django_assert_max_num_queries(3):
        assert queue.sweep() == (0, sweeping.BATCH)


# --- The keeper ----------------------------------------------------------------------------------------
def test_the_keeper_renews_leases_and_passes_on_what_happened(noted):
    for text in "abc":
        queue.enqueue(task_type="test.note", payload={"text": text})
    rows = [worker.claim() for _n in range(3)]
    mine, canceled, late = (
        queue.TaskRun(row, worker=row.worker, time_limit=limit, watched=True)
        for row, limit in zip(rows, (60, 60, -1), strict=True)
    )
    queue.cancel(task_id=canceled.id, by=None)
    TaskQueue.objects.update(lease_until=timezone.now())
    keeper.look_after([mine, canceled, late])
    keeper.renew([mine, canceled, late])
    assert [task.stop.is_set() for task in (mine, canceled, late)] == [False, True, True]
    renewed = TaskQueue.objects.filter(lease_until__gt=timezone.now()).values_list("pk", flat=True)
    assert list(renewed) == [mine.id]


# --- Events between apps ---------------------------------------------------------------------------------
def test_each_listener_is_told_of_an_event_by_a_task_of_its_own():
    told = []

    @queue.on_event("thing.happened")
    def one(task, thing):
        told.append(("one", thing))

    @queue.on_event("thing.happened", queue="training")
    def two(task, thing):
        told.append(("two", thing))

    made = queue.announce("thing.happened", {"thing": 7})
    assert sorted(task.queue for task in made) == ["default", "training"]
    queue.run_pending()
    assert sorted(told) == [("one", 7), ("two", 7)]


def test_an_event_nobody_listens_to_costs_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert queue.announce("nobody.cares", {}) == []


# --- Registering ---------------------------------------------------------------------------------------
def test_a_name_stands_for_one_handler():
    @queue.task_type("test.once")
    def first(task): ...

    with pytest.raises(ValueError, match="twice"):

        @queue.task_type("test.once")
        def second(task): ...


def test_periodic_jobs_run_by_name():
    from system.tasks import run_periodic

    ran = []
    queue.periodic("test.tick", every=60)(lambda: ran.append(1))
    run_periodic("test.tick")
    assert ran == [1]


def test_the_schedule_names_every_periodic_job():
    from agi_site.celery import schedule

    merged = {}

    class Scheduler:
        merge_inplace = merged.update

    class Service:
        scheduler = Scheduler()

    schedule(Service())
    assert merged["system.prune"]["args"] == ["system.prune"]
    assert {"system.prune", "system.check_health"} <= set(merged)
    assert set(merged) == set(registry.periodic_jobs())


def test_every_task_type_names_a_queue_that_a_worker_serves():
    from agi_site.embedded import queues

    registry.load()
    served = {name: kind.queue for name, kind in registry._types.items() if not name.startswith("test.")}
    assert {queue for queue in served.values() if queue not in queues()} == set()
    assert json.dumps(sorted(served))
