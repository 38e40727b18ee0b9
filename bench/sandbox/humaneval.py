"""The 164 programs of HumanEval, each in a fresh sandbox, beside `docker run --rm` of the same."""

import gzip
import json
import os
import statistics
import time
from pathlib import Path

from bench.report import Figure, told
from bench.site import Site, full_stack

from .docker_itself import DockerItself
from .site import Person

# As many as wait beforehand; the rest comes from the refill while the programs run.
POOL = 128


def measure() -> list[Figure]:
    """Both totals and medians; [] without the data."""
    folder = os.environ.get("AGI_DATA", "")
    path = Path(folder, "humaneval", "HumanEval.jsonl.gz")
    if not folder or not path.exists():
        print("  skipped: humaneval: no data (AGI_DATA names its folder)", flush=True)
        return []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        programs = [program_of(json.loads(line)) for line in lines]
    site = full_stack()
    plain = DockerItself(site.settings.get("DOCKER_HOST", ""))
    try:
        by_docker, failed = [], 0
        for code in programs:
            seconds, code_of_exit = plain.run_program(code)
            by_docker.append(seconds)
            failed += bool(code_of_exit)
        if failed:
            raise RuntimeError(f"{failed} programs fail in plain containers")
        return _figures(site, programs, by_docker)
    finally:
        plain.close()


def program_of(task: dict[str, str]) -> str:
    """A program that ends with 0 when the canonical solution passes its tests."""
    return "\n".join(
        [task["prompt"] + task["canonical_solution"], task["test"], f"check({task['entry_point']})\n"]
    )


def _figures(site: Site, programs: list[str], by_docker: list[float]) -> list[Figure]:
    person = Person(site, pool=POOL)
    ours, passed = [], 0
    began = time.perf_counter()
    for code in programs:
        started = time.perf_counter()
        end = next(data for name, data in person.run_once({"code": code}) if name == "ended")
        ours.append(time.perf_counter() - started)
        passed += end.get("exit_code") == 0
        if end.get("exit_code") != 0:
            print(f"  a program did not pass: {end}", flush=True)
    total = time.perf_counter() - began
    ratio = statistics.median(ours) / statistics.median(by_docker)
    return [
        Figure(
            f"HumanEval, submit to result ({passed} of {len(programs)} pass)",
            told(ours),
            f"{told(by_docker)} (docker run --rm)",
            f"{ratio:.3f} × at p50",
            "at most 0.2 ×, all pass",
        ),
        Figure(
            "HumanEval, all programs one after the other",
            f"{total:.1f} s",
            f"{sum(by_docker):.1f} s (docker run --rm)",
            f"{total / sum(by_docker):.3f} ×",
            "at most 0.7 ×",
        ),
    ]
