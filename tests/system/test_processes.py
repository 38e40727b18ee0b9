"""The queue with real workers on a Redis and a MariaDB of their own, which are killed, emptied and restarted.

Every task ends, and its effect happened exactly once.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from subprocess import PIPE
from types import SimpleNamespace

import pytest
import redis

from tests import parts
from tests.infra.processes import ROOT, environment, free_ports, running, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.mariadb, pytest.mark.slow]


def service(verb, folder, *names):
    """The real parts as scripts/services starts them, in a folder and on ports of this test's own."""
    first = free_ports(2)
    env = os.environ | {"SERVICES_DIR": str(folder), "MARIADB_PORT": str(first), "REDIS_PORT": str(first + 1)}
    out = subprocess.run(
        ["scripts/services", verb, *names],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert out.returncode == 0, out.stderr
    return dict(line.split("=", 1) for line in out.stdout.splitlines() if "=" in line)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """A MariaDB with the system's tables and one for effects, a Redis, and an environment naming them."""
    parts.need(parts.mariadb())
    parts.need(parts.redis())
    folder = tmp_path_factory.mktemp("services")
    said = service("start", folder, "mariadb", "redis")
    second = parts.Part("a second MariaDB", said.get("TEST_MARIADB_URL", ""), why_not=str(said))
    server = parts.need(second)
    database = server.rsplit("/", 1)[0] + "/agi_system"
    admin = parts.mysql_connection(server)
    admin.query("CREATE DATABASE agi_system CHARACTER SET utf8mb4")
    admin.close()
    env = environment(
        folder,
        DATABASE_URL=database,
        REDIS_URL=said["TEST_REDIS_URL"],
        SECRET_KEY="a key for tests only, long enough to be accepted everywhere",
        ENCRYPTION_KEYS="unused",
        TASK_LEASE_SECONDS="3",
        TASK_SWEEP_SECONDS="1",
        TASK_RETRY_SECONDS="0.2",
        TASK_RESEND_SECONDS="2",
        CELERY_SKIP_CHECKS="1",
    )
    made = SimpleNamespace(folder=folder, env=env, database=database, redis_url=said["TEST_REDIS_URL"])
    migrated = python(made, "manage.py", "migrate", "system", "--skip-checks", "--verbosity=0")
    assert migrated.wait(300) == 0
    ask(made, "CREATE TABLE effect (task_id VARCHAR(36), attempt INT)")
    made.client = python(made, "-m", "tests.system.program", "client", stdin=PIPE, stdout=PIPE)
    assert talk(made.client) == "ready"
    yield made
    made.client.communicate(timeout=20)
    service("stop", folder, "mariadb", "redis")


def python(stack, *command, **options):
    """A Python program of this project on the stack."""
    return subprocess.Popen([sys.executable, *command], cwd=ROOT, env=stack.env, text=True, **options)


def talk(process, request=None):
    """Send a request to a program, if any, and return its next answer."""
    if request is not None:
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
    return json.loads(process.stdout.readline())


def enqueue(stack, kind, count, seconds=0.0):
    """Store tasks in one transaction; returns their ids."""
    return talk(stack.client, ["enqueue", kind, count, seconds])


def worker(stack, name, *arguments):
    """A worker in a process group of its own; killed at the end, -9."""
    command = [sys.executable, "-m", "tests.system.program", "worker", "-n", f"{name}@%h", *arguments]
    return running(command, stack.env, stack.folder / f"{name}.log")


@pytest.fixture(scope="module")
def pool(stack):
    """A worker with three processes, for several tests."""
    with worker(stack, "pool", "--pool", "prefork", "--concurrency", "3") as process:
        yield process


def ask(stack, sql, *values):
    """The rows of a query, asked over a new connection: the server may just have been restarted."""
    import MySQLdb  # not everywhere installed

    until = time.monotonic() + 10
    while True:
        try:
            return _asked(stack, sql, values)
        except MySQLdb.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def _asked(stack, sql, values):
    connection = parts.mysql_connection(stack.database, database="agi_system", autocommit=True)
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall()


def states(stack, ids):
    marks = ",".join(["%s"] * len(ids))
    return Counter(
        dict(ask(stack, f"SELECT id, status FROM task_queue WHERE id IN ({marks})", *ids)).values()
    )


def wait_for(stack, ids, status, seconds=40.0):
    """Seconds until all the tasks have come to this status."""
    try:
        return wait_until(lambda: states(stack, ids) == {status: len(ids)}, seconds)
    except TimeoutError:
        logs = "\n".join(path.read_text()[-1500:] for path in sorted(stack.folder.glob("*.log")))
        pytest.fail(f"{states(stack, ids)}\n{logs}")


def effects(stack, ids):
    """How often each task had its effect."""
    return Counter(task_id for (task_id,) in ask(stack, "SELECT task_id FROM effect") if task_id in set(ids))


def once(ids):
    return Counter(dict.fromkeys(ids, 1))


def attempts(stack, task_id):
    return ask(stack, "SELECT retry_count FROM task_queue WHERE id = %s", task_id)[0][0] + 1


def holder(stack, task_id):
    """The process id of the worker that has the task, once one has."""
    wait_for(stack, [task_id], "processing")
    ((name,),) = ask(stack, "SELECT worker FROM task_queue WHERE id = %s", task_id)
    return int(name.split(":")[-2])


def test_flushing_redis_loses_no_task(stack, request):
    ids = enqueue(stack, "test.effect", 40)
    with redis.Redis.from_url(stack.redis_url) as client:
        assert client.llen("default") == 40
        client.flushall()
    request.getfixturevalue("pool")
    wait_for(stack, ids, "completed")
    assert effects(stack, ids) == once(ids)


def test_a_task_whose_process_is_killed_in_its_middle_is_done_again_and_its_effect_is_there_once(stack, pool):
    ids = enqueue(stack, "test.effect", 3, 1.0)
    os.kill(holder(stack, ids[0]), signal.SIGKILL)
    wait_for(stack, ids, "completed")
    assert effects(stack, ids) == once(ids)
    assert attempts(stack, ids[0]) == 2
    wait_until(lambda: ask(stack, "SELECT 1 FROM log WHERE message LIKE '%%was left by%%'"), 5)


def test_a_running_task_that_is_canceled_makes_room_within_about_a_second(stack, pool):
    ids = enqueue(stack, "test.patient", 3, 30)
    wait_for(stack, ids, "processing")
    begun = time.monotonic()
    for task_id in ids:
        talk(stack.client, ["cancel", task_id])
    after = enqueue(stack, "test.effect", 3)
    wait_for(stack, after, "completed")
    assert time.monotonic() - begun < 8  # the tests share their processors with others
    assert effects(stack, ids) == {}
    assert states(stack, ids) == {"canceled": 3}


def test_a_task_that_ignores_its_limit_costs_its_process_and_fails(stack, pool):
    (deaf,) = enqueue(stack, "test.deaf", 1, 300)
    wait_for(stack, [deaf], "failed")
    ((error,),) = ask(stack, "SELECT error_message FROM task_queue WHERE id = %s", deaf)
    assert "WorkerLost" in error
    after = enqueue(stack, "test.effect", 6)
    wait_for(stack, after, "completed")


def test_restarting_the_database_in_mid_task_loses_nothing_and_does_nothing_twice(stack, pool):
    ids = enqueue(stack, "test.effect", 30, 0.2)
    wait_until(lambda: states(stack, ids)["completed"] >= 3, 30)
    service("restart", stack.folder, "mariadb")
    wait_for(stack, ids, "completed", 60)
    assert effects(stack, ids) == once(ids)


def test_tasks_stored_while_redis_is_away_are_done_when_it_is_back(stack, pool):
    service("stop", stack.folder, "redis")
    begun = time.monotonic()
    ids = enqueue(stack, "test.effect", 10)
    assert time.monotonic() - begun < 3  # whoever stores a task does not wait for the broker
    service("start", stack.folder, "redis")
    wait_for(stack, ids, "completed", 60)
    assert effects(stack, ids) == once(ids)


def test_what_a_killed_worker_held_is_opened_at_once_by_its_successor(stack, pool):
    ids = enqueue(stack, "test.effect", 6, 1.5)
    wait_until(lambda: states(stack, ids)["processing"] == 3, 20)
    os.killpg(pool.pid, signal.SIGKILL)
    assert states(stack, ids)["processing"] == 3
    with worker(stack, "next", "--pool", "threads", "--concurrency", "6"):
        wait_for(stack, ids, "completed")
    assert effects(stack, ids) == once(ids)


def test_four_processes_share_a_thousand_tasks_fairly_and_none_twice(stack):
    ids = enqueue(stack, "test.effect", 1000)
    claimers = python(stack, "-m", "tests.system.program", "drain", "4", stdout=PIPE)
    shares = json.loads(claimers.communicate(timeout=60)[0])
    print("claimed:", [len(share) for share in shares])
    assert sorted(task_id for share in shares for task_id in share) == sorted(ids)
    assert min(len(share) for share in shares) >= 50
