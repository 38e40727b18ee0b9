"""Services that live in the workers of a queue: started with them, once for each queue, and stopped."""

import pytest

from system.queue import registry, residents


@pytest.fixture
def told(monkeypatch):
    registry.load()  # before, so that what it registers stays
    monkeypatch.setattr(residents, "_known", {})
    monkeypatch.setattr(residents, "_stops", {})
    told = []

    @residents.resident("a service", queues="sandbox.")
    def start(queue):
        told.append(f"start {queue}")
        return lambda: told.append(f"stop {queue}")

    return told


def test_a_service_runs_once_for_each_queue_that_belongs_to_it(told):
    residents.start_residents(["default", "sandbox", "sandbox.local", "sandbox.far"])
    residents.start_residents(["sandbox.local"])
    assert told == ["start sandbox.local", "start sandbox.far"]
    residents.stop_residents()
    residents.stop_residents()
    assert told[2:] == ["stop sandbox.local", "stop sandbox.far"]


def test_a_service_that_fails_leaves_the_others_alone(told):
    @residents.resident("a broken one", queues="sandbox.")
    def start(queue):
        raise RuntimeError(queue)

    @residents.resident("one that does not stop", queues="sandbox.")
    def start_well(queue):
        told.append("it runs")
        return lambda: 1 / 0

    residents.start_residents(["sandbox.local"])
    residents.stop_residents()
    assert told == ["start sandbox.local", "it runs", "stop sandbox.local"]


def test_the_workers_of_a_host_run_its_agent(settings):
    from agi_site.embedded import queues

    registry.load()
    settings.SANDBOX_HOSTS = {"local": "", "far": "tcp://far:2376"}
    assert {"sandbox.local", "sandbox.far"} <= set(queues())
    assert any(service.queues == "sandbox." for service in residents._known.values())
