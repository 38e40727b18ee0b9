"""Runs of plans by real workers on a real Redis and a real MariaDB, which are killed, emptied and restarted.

Each completed step had its effect exactly once, the run ends, and nothing is left running. Here in short;
`make plans-truth` does it at length, with a MariaDB of its own that is restarted in between.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from subprocess import PIPE
from types import SimpleNamespace

import psutil
import pytest
import redis

from tests import parts
from tests.infra.processes import ROOT, environment, running, wait_until
from tests.system.test_processes import service

pytestmark = [pytest.mark.redis, pytest.mark.mariadb, pytest.mark.slow]

LONG = os.environ.get("PLANS_LONG") == "1"
SEED = int(os.environ.get("PLANS_SEED") or random.randrange(10**6))
ENDS_WITHIN_SECONDS = 60


@pytest.fixture(scope="module")
def servers(tmp_path_factory, worker_id):
    """URLs of a database and of a Redis for this module; at length with servers that can be restarted."""
    folder = tmp_path_factory.mktemp("plans")
    with ExitStack() as stack:
        if LONG:
            said = service("start", folder, "mariadb", "redis")
            stack.callback(service, "stop", folder, "mariadb", "redis")
            database, redis_url = said["TEST_MARIADB_URL"], said["TEST_REDIS_URL"]
        else:
            database = parts.need(parts.mariadb())
            number = 40 + (int(worker_id.removeprefix("gw")) if worker_id != "master" else 0) % 20
            redis_url = parts.need(parts.redis()).rsplit("/", 1)[0] + f"/{number}"
        url = stack.enter_context(parts.fresh_database(database))
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()
        yield SimpleNamespace(folder=folder, database=url, redis_url=redis_url)


@pytest.fixture(scope="module")
def stack(servers):
    """A site with its tables, and a client in a process of its own."""
    env = environment(
        servers.folder,
        DATABASE_URL=servers.database,
        REDIS_URL=servers.redis_url,
        SECRET_KEY="a key for tests only, long enough to be accepted everywhere",
        ENCRYPTION_KEYS="unused",
        EFFECTS=str(servers.folder / "effects"),
        TASK_LEASE_SECONDS="3",
        TASK_SWEEP_SECONDS="1",
        TASK_RETRY_SECONDS="0.2",
        TASK_RESEND_SECONDS="2",
        CELERY_SKIP_CHECKS="1",
    )
    made = SimpleNamespace(folder=servers.folder, env=env, redis_url=servers.redis_url)
    for app in ("accounts", "system", "tools", "planning"):  # and what they stand on
        migrate = [sys.executable, "manage.py", "migrate", app, "--skip-checks", "--verbosity=0"]
        subprocess.run(migrate, cwd=ROOT, env=env, check=True, timeout=300)
    client = [sys.executable, "-m", "tests.planning.program", "client"]
    made.client = subprocess.Popen(client, cwd=ROOT, env=env, text=True, stdin=PIPE, stdout=PIPE)
    assert json.loads(made.client.stdout.readline()) == "ready"
    yield made
    made.client.communicate(timeout=20)


def talk(stack, *request):
    """Send the client a request and return its answer."""
    stack.client.stdin.write(json.dumps(request) + "\n")
    stack.client.stdin.flush()
    return json.loads(stack.client.stdout.readline())


def worker(stack, name, **more):
    """A worker with two processes, in a process group of its own."""
    command = [sys.executable, "-m", "tests.planning.program", "worker", "-n", f"{name}@%h", "-c", "2"]
    return running(command, stack.env | more, stack.folder / f"{name}.log")


def logs(stack):
    return "\n".join(
        f"{path.name}:\n{path.read_text()[-2500:]}" for path in sorted(stack.folder.glob("*.log"))
    )


def wait_for_end(stack, execution, seconds=ENDS_WITHIN_SECONDS):
    """How the run ended, within so many seconds."""
    try:
        took = wait_until(lambda: talk(stack, "look", execution)["seconds"] is not None, seconds)
    except TimeoutError:
        pytest.fail(f"seed {SEED}: {talk(stack, 'look', execution)}\n{logs(stack)}")
    print(f"ended {took:.1f} s after the last fault")
    return talk(stack, "look", execution)


def check(stack, execution, count):
    """Everything is completed, once, and nothing is left."""
    seen = wait_for_end(stack, execution)
    assert seen["status"] == "completed", f"seed {SEED}: {seen}\n{logs(stack)}"
    assert seen["steps"] == {"completed": count}
    assert (seen["running"], seen["calls"]) == (0, 0), seen
    left = talk(stack, "effects", execution)
    assert left["rows"] == left["expected_rows"], SEED
    assert left["lines"] == left["expected_lines"], SEED
    return left


class Trouble:
    """Two workers, and what befalls them."""

    def __init__(self, stack, chance):
        self.stack, self.chance, self.number = stack, chance, 0
        self.workers = [self._begun(), self._begun()]

    def _begun(self):
        self.number += 1
        context = worker(self.stack, f"w{self.number}")
        return context, context.__enter__()

    def kill_child(self):
        """kill -9 of one process that works; its parent starts another."""
        children = [
            child
            for _context, parent in self.workers
            if parent.poll() is None
            for child in psutil.Process(parent.pid).children()
        ]
        if children:
            with suppress(psutil.NoSuchProcess):
                self.chance.choice(children).kill()

    def kill_worker(self):
        """kill -9 of a whole worker; another takes its place."""
        place = self.chance.randrange(len(self.workers))
        context, process = self.workers[place]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        context.__exit__(None, None, None)
        self.workers[place] = self._begun()

    def flush(self):
        """Redis forgets everything."""
        with redis.Redis.from_url(self.stack.redis_url) as client:
            client.flushdb()

    def restart_database(self):
        """MariaDB goes and comes back."""
        service("restart", self.stack.folder, "mariadb")

    def close(self):
        for context, _process in self.workers:
            context.__exit__(None, None, None)


@pytest.fixture
def trouble(stack):
    made = Trouble(stack, random.Random(SEED))
    yield made
    made.close()


def moving(stack, execution):
    """Wait until the run has begun; False if it has ended already."""
    wait_until(lambda: talk(stack, "look", execution)["steps"].get("completed", 0) > 3, 60)
    return talk(stack, "look", execution)["seconds"] is None


def test_two_hundred_steps_survive_killed_workers_and_a_flushed_redis(stack, trouble):
    execution = talk(stack, "random", SEED, 200, 0.3)
    faults = 0
    if moving(stack, execution):
        for fault in [
            trouble.kill_child,
            trouble.flush,
            trouble.kill_child,
            trouble.kill_worker,
            trouble.flush,
        ]:
            time.sleep(trouble.chance.uniform(0.1, 0.6))
            fault()
            faults += 1
    left = check(stack, execution, 200)
    print(f"seed {SEED}: {faults} faults, {len(left['rows'])} rows and {len(left['lines'])} lines, each once")


@pytest.mark.parametrize(
    "step",
    [
        "flush:committed#3",
        *(
            pytest.param(step, marks=pytest.mark.long)
            for step in ("flush:begun#3", "step:done#4", "rest:begun", "rest:committed")
        ),
    ],
)
def test_a_driver_killed_at_any_point_is_followed_by_another(stack, step):
    """The first process that comes to that point dies there; its parent starts another."""
    name = step.replace(":", "-").replace("#", "-")
    mark = stack.folder / f"died-{name}"
    execution = talk(stack, "random", len(step), 30, 0.05)
    with worker(stack, name, PLANS_DIE_AT=step, PLANS_DIE_MARK=str(mark)):
        check(stack, execution, 30)
    assert mark.exists(), f"nothing died at {step}"


@pytest.mark.long
@pytest.mark.parametrize("round_", range(int(os.environ.get("PLANS_ROUNDS", "5"))))
def test_at_length_with_a_database_that_is_restarted(stack, trouble, round_):
    execution = talk(stack, "random", SEED + round_, 200, 0.6)
    assert moving(stack, execution)
    faults = (
        [trouble.kill_child] * 6
        + [trouble.flush] * 2
        + [trouble.kill_worker] * 2
        + [trouble.restart_database]
    )
    trouble.chance.shuffle(faults)
    done = 0
    for fault in faults:
        time.sleep(trouble.chance.uniform(0.05, 1.0))
        if talk(stack, "look", execution)["seconds"] is not None:
            break
        fault()
        done += 1
    left = check(stack, execution, 200)
    told = f"{len(left['rows'])} rows and {len(left['lines'])} lines, each once"
    print(f"seed {SEED + round_}: {done} faults, {told}")


@pytest.mark.long
def test_a_thousand_steps_that_take_their_time_are_not_taken_for_dead(stack, trouble):
    before = talk(stack, "alike", "", "free", 1, 0)
    wait_for_end(stack, before)
    told = talk(stack, "health", before)
    execution = talk(stack, "alike", "test_beat", "free", 1000, 0.3)
    seen = wait_for_end(stack, execution, seconds=600)
    assert seen["steps"] == {"completed": 1000}
    health = talk(stack, "health", execution)
    assert (health["attempts"], health["lost"]) == (1, 0)
    assert (health["reopened"], health["left"]) == (told["reopened"], told["left"])
    print(f"1000 steps of 0.3 s in {seen['seconds']:.0f} s, none taken for dead")


def test_a_canceled_run_stops_its_tools_within_moments(stack, trouble):
    execution = talk(stack, "alike", "test_beat", "free", 4, 60.0)
    wait_until(lambda: talk(stack, "look", execution)["running"] >= 2, 60)
    begun = time.monotonic()
    assert talk(stack, "cancel", execution) == "canceled"
    wait_until(lambda: talk(stack, "look", execution)["running"] == 0, 20)
    took = time.monotonic() - begun
    print(f"stopped after {took:.1f} s")
    assert took < 4  # about a second is the promise; the tests share their processors with others
    assert talk(stack, "look", execution)["calls"] == 0
