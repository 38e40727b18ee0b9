"""The scripts say in one line what is missing and what to do."""

import subprocess
from pathlib import Path

import pytest

from tests.infra.processes import ROOT, environment


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """A machine without any Python: the basic commands only."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in (
        "bash",
        "cat",
        "cut",
        "dirname",
        "env",
        "grep",
        "id",
        "ls",
        "mktemp",
        "rm",
        "sha256sum",
        "sort",
        "awk",
    ):
        found = subprocess.run(["bash", "-c", f"type -P {name}"], capture_output=True, text=True, check=True)
        (tools / name).symlink_to(found.stdout.strip())
    return environment(
        tmp_path / "data", PATH=str(tools), HOME=str(tmp_path), PYENV_ROOT=str(tmp_path / "pyenv")
    )


def run(script: str, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [f"scripts/{script}", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def pretend(env: dict[str, str], name: str, lines: str) -> None:
    """Put a program of that name first on the path."""
    program = Path(env["PATH"].split(":")[0]) / name
    program.write_text(f"#!/usr/bin/env bash\n{lines}\n")
    program.chmod(0o755)


def only_error(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line it said."""
    assert ended.returncode == 1
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ended.stderr
    return errors[0]


def test_without_a_python_it_names_the_version_and_the_package(bare):
    said = only_error(run("python", bare))
    assert "3.12" in said
    assert "apt install" in said


def test_an_older_python_is_not_taken(bare):
    pretend(bare, "python3", "exit 1")
    assert "no Python 3.12" in only_error(run("python", bare))


def test_a_python_of_pyenv_is_found(bare):
    old, new = (Path(bare["PYENV_ROOT"]) / "versions" / version / "bin" for version in ("3.9.1", "3.13.0"))
    for folder, code in ((old, 1), (new, 0)):
        folder.mkdir(parents=True)
        (folder / "python").write_text(f"#!/bin/sh\n[ {code} = 0 ] && echo {folder}/python\nexit {code}\n")
        (folder / "python").chmod(0o755)
    found = run("python", bare)
    assert found.stdout.strip() == f"{new}/python"


def test_a_full_disk_is_said_before_anything_is_downloaded(bare, tmp_path):
    pretend(bare, "df", "echo header; echo /dev/x 100 100 2048 99% /")
    pretend(bare, "python3", "echo /usr/bin/python3")
    said = only_error(run("install", bare | {"VENV": str(tmp_path / "venv")}))
    assert "2 MB free" in said
    assert "1.5 GB" in said


@pytest.mark.slow
def test_no_network_is_said_in_one_line(tmp_path):
    offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_CONFIG_FILE": "/dev/null", "PIP_RETRIES": "0"}
    env = environment(tmp_path / "data", VENV=str(tmp_path / "venv"), PIP_NO_INDEX="", **offline)
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        env.pop(name, None)
    assert "no network" in only_error(run("install", env))


def test_an_unknown_model_is_refused_with_the_one_that_exists(bare):
    assert "MODEL=local" in only_error(run("run", bare | {"MODEL": "huge", "PORT": "1"}))


def test_make_lists_its_targets():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("run", "test", "lint", "bench", "docs", "test-mysql", "messages", "install", "clean"):
        assert f"make {target} " in listed


def test_every_script_is_valid_and_stops_at_its_first_error():
    for script in [*ROOT.glob("scripts/*"), ROOT / ".ci" / "run"]:
        if script.is_dir() or script.suffix or "bash" not in (text := script.read_text()).splitlines()[0]:
            continue
        assert "\nset -euo pipefail\n" in text, script
        subprocess.run(["bash", "-n", str(script)], check=True)
