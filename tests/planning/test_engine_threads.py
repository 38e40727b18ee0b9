"""Several drivers of one run at once, in threads as in the embedded program, on either database."""

import threading
from collections import Counter

import pytest
from django.db import connections

from planning import engine, services
from planning.models import PlanStepExecution
from system import queue
from tests.planning.conftest import states, step

pytestmark = pytest.mark.django_db(transaction=True)


def work_in_threads(count):
    """So many workers take what is due until nothing is; raises what one of them raised."""
    errors = []

    def work():
        try:
            while queue.run_pending():
                pass
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors, errors


def test_two_lanes_share_a_run_and_no_step_is_done_twice(alice, make_tool):
    from tools.registry import Parameter

    seen = []
    parameters = [Parameter("value", "string", "a text")]
    make_tool("note", lambda call, value: seen.append(value) or {}, parameters=parameters, retry_safe=True)
    make_tool("once", lambda call, value: seen.append(value) or {}, parameters=parameters)
    layers = [[f"l{layer}_{number}" for number in range(12)] for layer in range(4)]
    steps = [
        step(
            key,
            *(layers[depth - 1] if depth else ()),
            tool=("note", "once")[number % 2],
            arguments={"value": key},
        )
        for depth, layer in enumerate(layers)
        for number, key in enumerate(layer)
    ]
    plan = services.create_plan(owner=alice, title="p", steps=steps)
    execution = services.start_plan(plan=plan, by=alice)
    engine.begin(execution.pk)
    from planning.engine import waking
    from planning.engine.database import holding

    with holding(execution.pk):
        waking.wake(execution.pk, 1)
    work_in_threads(2)
    execution.refresh_from_db()
    assert execution.status == "completed", execution.error_details
    assert set(states(execution).values()) == {"completed"}
    assert Counter(seen) == Counter(key for layer in layers for key in layer)


def test_a_slow_step_gives_back_what_was_claimed_with_it(alice, make_tool):
    import time

    make_tool("slow", lambda call: time.sleep(0.4) or {}, parameters=[], retry_safe=True)
    make_tool("quick", lambda call: {}, parameters=[], retry_safe=True)
    steps = [step(f"q{number}", tool="quick") for number in range(6)]
    steps += [step("slow", *[f"q{number}" for number in range(6)], tool="slow")]
    steps += [step("after", "slow", tool="quick"), step("beside", "q0", tool="quick")]
    plan = services.create_plan(owner=alice, title="p", steps=steps)
    execution = services.start_plan(plan=plan, by=alice)
    work_in_threads(2)
    execution.refresh_from_db()
    assert execution.status == "completed", execution.error_details


def test_a_running_tool_hears_within_moments_that_the_run_is_canceled(alice, make_tool):
    import time

    from tools.registry import ToolFailure

    begun, ended = threading.Event(), []

    def patient(call):
        begun.set()
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if call.cancelled():
                ended.append(time.monotonic())
                raise ToolFailure("stopped")
            time.sleep(0.02)
        return {}

    make_tool("patient", patient, parameters=[], timeout=60)
    plan = services.create_plan(owner=alice, title="p", steps=[step("t", tool="patient"), step("b", "t")])
    execution = services.start_plan(plan=plan, by=alice)
    worker = threading.Thread(target=work_in_threads, args=[1])
    worker.start()
    assert begun.wait(20)
    at = time.monotonic()
    services.cancel_plan(execution=execution, by=alice)
    worker.join(20)
    assert ended
    assert ended[0] - at < 3  # about a second is the promise
    assert states(execution) == {"t": "failed", "b": "skipped"}
    assert PlanStepExecution.objects.get(key="t").error_code == "canceled"


def test_a_step_that_ignores_its_time_is_given_up(alice, make_tool):
    import time

    make_tool("deaf", lambda call: time.sleep(4) or {}, parameters=[])
    steps = [step("t", tool="deaf", timeout_seconds=1), step("b", "t")]
    plan = services.create_plan(owner=alice, title="p", steps=steps)
    execution = services.start_plan(plan=plan, by=alice)
    work_in_threads(1)
    execution.refresh_from_db()
    assert (execution.status, execution.error_code) == ("failed", "timeout")


@pytest.mark.parametrize("committed", [True, False])
def test_a_connection_that_breaks_at_a_commit_loses_nothing_and_repeats_nothing(
    alice, make_tool, monkeypatch, committed
):
    """The server goes away at every second transaction; whether it was committed is for the driver to see."""
    from django.db import OperationalError, transaction

    from planning.engine import database
    from planning.engine.batch import Batch

    gone = OperationalError(2013, "Lost connection to server during query")
    monkeypatch.setattr(database, "lost_connection", lambda error: error is gone)
    real, count = Batch._move, []

    def breaking(self, *arguments):
        count.append(1)
        if len(count) % 2:
            return real(self, *arguments)
        with transaction.atomic():
            real(self, *arguments)
            if not committed:
                transaction.set_rollback(True)
        raise gone

    monkeypatch.setattr(Batch, "_move", breaking)
    seen = []
    make_tool("safe", lambda call: seen.append(call.idempotency_key) or {}, parameters=[], retry_safe=True)
    make_tool("once", lambda call: seen.append(call.idempotency_key) or {}, parameters=[])
    steps = [step("s0", tool="once")]
    steps += [step(f"s{n}", f"s{n - 1}", tool=("safe", "once")[n % 2]) for n in range(1, 8)]
    plan = services.create_plan(owner=alice, title="p", steps=steps)
    execution = services.start_plan(plan=plan, by=alice)
    work_in_threads(1)
    execution.refresh_from_db()
    assert execution.status == "completed", execution.error_details
    assert set(states(execution).values()) == {"completed"}
    assert len(seen) == len(set(seen)) == 8
