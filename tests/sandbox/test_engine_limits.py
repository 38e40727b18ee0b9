"""Limits on a real engine: each is reached from inside, and the host feels nothing of it."""

import shutil
from collections.abc import Callable

import pytest

from sandbox.engine import DockerHost
from sandbox.policy.limits import MB, Limits

from .fixtures_engine import PYTHON

pytestmark = pytest.mark.docker_engine

Instance = Callable[..., str]
Inside = Callable[..., tuple[int, str]]
FULL = "No space left on device"


def fill(place: str, megabytes: int) -> str:
    """A line that writes so much, says what stopped it, and how many whole megabytes lie there."""
    write = f"dd if=/dev/zero of={place}/big bs=1M count={megabytes} 2>&1"
    return f"{write} | grep -o '{FULL}'; stat -c %s {place}/big"


def mebibytes(output: str) -> float:
    return int(output.rsplit(maxsplit=1)[-1]) / MB


@pytest.mark.parametrize("workspace", ["disk", "memory"])
def test_a_full_workspace_says_so_at_its_limit(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside, workspace: str
) -> None:
    before = shutil.disk_usage("/").free
    instance_id = new_instance(workspace=workspace, limits=Limits(disk_limit=64 * MB))
    _code, output = run_inside(instance_id, fill("/workspace", 200))
    assert FULL in output
    assert 50 <= mebibytes(output) <= 64
    # what is deleted is there again
    assert run_inside(instance_id, "rm big && dd if=/dev/zero of=small bs=1M count=20 2>/dev/null")[0] == 0
    assert before - shutil.disk_usage("/").free < 1024 * MB


@pytest.mark.parametrize("workspace", ["disk", "memory"])
def test_small_files_have_an_end_too(new_instance: Instance, run_inside: Inside, workspace: str) -> None:
    instance_id = new_instance(workspace=workspace, limits=Limits(disk_limit=16 * MB))
    line = "for i in $(seq 200); do touch $(seq -f f$i-%g 50) 2>/dev/null || break; done; ls | wc -l"
    count = int(run_inside(instance_id, line)[1])
    assert 500 < count < 6000


def test_tmp_and_shared_memory_are_full_at_their_limits(new_instance: Instance, run_inside: Inside) -> None:
    instance_id = new_instance(limits=Limits(tmp_limit=8 * MB, shm_limit=4 * MB))
    _code, output = run_inside(instance_id, fill("/tmp", 64))
    assert FULL in output
    assert mebibytes(output) == 8
    _code, output = run_inside(instance_id, fill("/dev/shm", 64))
    assert FULL in output
    assert mebibytes(output) == 4


def test_nproc_says_how_many_processors_there_are(new_instance: Instance, run_inside: Inside) -> None:
    one = new_instance(limits=Limits(cpu_limit=50))
    assert run_inside(one, "nproc")[1] == "1"
    two = new_instance(limits=Limits(cpu_limit=200))
    assert run_inside(two, "nproc")[1] == "2"


def test_a_part_of_a_processor_is_no_more_than_that(new_instance: Instance, run_inside: Inside) -> None:
    instance_id = new_instance(image=PYTHON, limits=Limits(cpu_limit=20))
    line = "import time;e=time.monotonic()+2\nwhile time.monotonic()<e:pass\nprint(time.process_time())"
    spent = float(run_inside(instance_id, f"python3 -c '{line}'")[1])
    assert spent / 2 < 0.30


def test_too_much_memory_ends_the_one_who_takes_it(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside
) -> None:
    instance_id = new_instance(image=PYTHON, limits=Limits(memory_limit=64 * MB, tmp_limit=MB, shm_limit=MB))
    code, _output = run_inside(instance_id, "python3 -c 'x = bytearray(200 * 2**20)'")
    assert code == 137
    found = docker_host.find(instance_id)
    assert found is not None
    assert found.state == "running"
    assert run_inside(instance_id, "echo alive")[1] == "alive"


def test_there_is_no_swap(docker_host: DockerHost, new_instance: Instance) -> None:
    instance_id = new_instance(start=False)
    limits = docker_host.client.call("GET", f"/containers/agi-{docker_host.site}-{instance_id}/json")[
        "HostConfig"
    ]
    assert limits["MemorySwap"] == limits["Memory"]


def test_processes_have_an_end(new_instance: Instance, run_inside: Inside) -> None:
    instance_id = new_instance(limits=Limits(pids_limit=24))
    line = "for i in $(seq 100); do sleep 3 & done 2>/dev/null; ls /proc | grep -c '^[0-9]'"
    run_inside(instance_id, line)
    code, output = run_inside(instance_id, "ls /proc | grep -c '^[0-9]'")
    assert code != 0 or int(output) <= 24 + 8


def test_open_files_have_an_end(new_instance: Instance, run_inside: Inside) -> None:
    instance_id = new_instance(limits=Limits(open_files=1024))
    assert run_inside(instance_id, "ulimit -n; ulimit -Hn; ulimit -c")[1].split() == ["1024", "1024", "0"]


def test_limits_change_while_the_container_runs(
    docker_host: DockerHost, new_instance: Instance, run_inside: Inside
) -> None:
    instance_id = new_instance(limits=Limits(cpu_limit=100, memory_limit=256 * MB))
    docker_host.update_limits(instance_id, Limits(cpu_limit=200, memory_limit=512 * MB, pids_limit=50))
    assert run_inside(instance_id, "nproc")[1] == "2"
    config = docker_host.client.call("GET", f"/containers/agi-{docker_host.site}-{instance_id}/json")[
        "HostConfig"
    ]
    assert (config["Memory"], config["MemorySwap"], config["PidsLimit"]) == (512 * MB, 512 * MB, 58)
    docker_host.update_limits(
        instance_id, Limits(cpu_limit=50, memory_limit=128 * MB, tmp_limit=MB, shm_limit=MB)
    )
    assert run_inside(instance_id, "nproc")[1] == "1"


def test_a_crash_leaves_no_core_dump_and_starts_nothing_on_the_host(
    new_instance: Instance, run_inside: Inside
) -> None:
    instance_id = new_instance(image=PYTHON)
    limit = run_inside(instance_id, "grep core /proc/self/limits")[1]
    assert limit.split()[4:6] == ["1", "1"]  # the kernel's word for neither a file nor a program
    crash = "python3 -c 'import os; os.abort()' 2>/dev/null; echo $?; ls -A"
    assert run_inside(instance_id, crash)[1].split()[-1] == "134"
    change = "import resource as r; r.setrlimit(r.RLIMIT_CORE, (0, 0))"
    assert "ValueError" in run_inside(instance_id, f"python3 -c '{change}' 2>&1")[1]
    other = change.replace("CORE, (0, 0)", "NOFILE, (9, 9)")
    assert run_inside(instance_id, f"python3 -c '{other}'")[0] == 0
