"""Images made of this machine's own files: what runs in them, and that they are made once."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sandbox.images
from sandbox.engine import DockerHost
from sandbox.images import RECIPES
from sandbox.images.make import make_image

from .fixtures_engine import PYTHON, SHELL

pytestmark = pytest.mark.docker_engine

Instance = Callable[..., str]
Inside = Callable[..., tuple[int, str]]


def test_an_image_that_stands_is_not_made_again(docker_host: DockerHost) -> None:
    log: list[str] = []
    tag = make_image(docker_host, "agi-sandbox-shell", on_log=log.append)
    assert log == [f"{tag} stands"]
    images = docker_host.images()
    assert images[tag] == images[SHELL]


def test_the_shell_has_what_people_expect(new_instance: Instance, run_inside: Inside) -> None:
    instance_id = new_instance()
    script = (
        "set -e; printf 'b\\na\\n' | sort | tr a-z A-Z > x;"
        " tar czf x.tgz x; tar tzf x.tgz; cat x; whoami; pwd"
    )
    assert run_inside(instance_id, script) == (0, "x\nA\nB\nsandbox\n/workspace")


def test_text_is_utf_8_for_every_program(new_instance: Instance, run_inside: Inside) -> None:
    script = "printf 한글 | wc -m; bash -c 'printf %q 한글'"
    assert run_inside(new_instance(), script) == (0, "2\n한글")


def test_where_the_archive_cannot_be_made_the_locale_is_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    made, run = RECIPES["agi-sandbox-shell"]().digest(), subprocess.run

    def failing(command: list[str], **options: Any) -> Any:
        if command[0] == "localedef":
            raise subprocess.CalledProcessError(1, command)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", failing)
    assert RECIPES["agi-sandbox-shell"]().digest() != made


def test_the_same_files_make_the_same_image() -> None:
    assert RECIPES["agi-sandbox-shell"]().digest() == RECIPES["agi-sandbox-shell"]().digest()


def test_python_is_whole(new_instance: Instance, run_inside: Inside) -> None:
    instance_id = new_instance(image=PYTHON)
    line = "import ssl, sqlite3, zlib, lzma, bz2, ctypes, asyncio, decimal, venv, sys; print(sys.prefix)"
    assert run_inside(instance_id, f"python3 -c '{line}'") == (0, "/usr/local")
    assert (
        run_inside(instance_id, "date > /dev/null; python3 -c 'import zoneinfo as z; z.ZoneInfo(\"UTC\")'")[0]
        == 0
    )


def test_data_and_node_run(
    new_instance: Instance, run_inside: Inside, make_sandbox_image: Callable[..., dict[str, str]]
) -> None:
    made = make_sandbox_image("agi-sandbox-data", "agi-sandbox-node")
    data = new_instance(image=made["agi-sandbox-data"])
    line = "import numpy.testing, numpy as n; print(n.linalg.inv(n.eye(2)).sum())"
    assert run_inside(data, f"python3 -c '{line}'") == (0, "2.0")
    if "agi-sandbox-node" in made:
        node = new_instance(image=made["agi-sandbox-node"])
        assert run_inside(node, "node -e 'console.log(6*7)'") == (0, "42")


def test_no_path_of_this_checkout_is_in_an_image() -> None:
    here = str(Path(__file__).parents[2])
    for recipe in RECIPES.values():
        assert not [place for place in recipe().entries if here.strip("/") in place]


def test_each_image_can_be_built_where_there_is_a_registry_too() -> None:
    folder = Path(sandbox.images.__file__).parent
    files = {path.suffix[1:]: path.read_text() for path in folder.glob("Dockerfile.*")}
    assert {f"agi-sandbox-{name}" for name in files} == set(RECIPES)
    for text in files.values():
        assert re.search(r"^FROM \S+:\S+$", text, re.MULTILINE)
