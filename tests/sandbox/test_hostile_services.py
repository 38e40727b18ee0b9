"""The hostile programs by the whole way: the starter template, the services, the agent, the pages."""

import io
import json
import re
import shlex
import uuid
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agi_site.lib.problems import Problem
from sandbox import files, services, starter
from sandbox.models import Sandbox, SandboxExecution, SandboxTemplate

from .fixtures_engine import LONG
from .fixtures_sandbox import RealWorld
from .hostile import archives, registry
from .hostile.boxes import Outcome, weak_box
from .hostile.registry import PROGRAMS, Hostile

pytestmark = [pytest.mark.docker_engine, pytest.mark.slow]

FOLDER = Path(registry.__file__).parent
SECRET = f"secret-of-another-{uuid.uuid4().hex}"
SAID = [program for program in PROGRAMS if not program.own_test or program.name == "inodes"]
# Each runs against the engine and the runner in test_hostile.py.
BY_THE_WHOLE_WAY = SAID if LONG else SAID[::3]


@pytest.fixture
def default(real: RealWorld) -> Sandbox:
    """Alice's sandbox, as the starter template makes it."""
    starter.load()
    real.recipe = SandboxTemplate.objects.get(name="Python")
    sandbox = real.make()
    assert sandbox.status == "running", sandbox.detail
    return sandbox


@pytest.fixture
def run(default: Sandbox, alice: Any) -> Callable[..., SandboxExecution]:
    """`run("fork_bomb", {…})` writes a program into the workspace and runs it to its end."""
    files.write_file(sandbox=default, by=alice, path="bad/kit.py", content=(FOLDER / "kit.py").read_bytes())

    def go(name: str, given: Any = None) -> SandboxExecution:
        program = (FOLDER / f"{name}.py").read_bytes()
        files.write_file(sandbox=default, by=alice, path=f"bad/{name}.py", content=program)
        command = f"exec python3 bad/{name}.py {shlex.quote(json.dumps(given or {}))}"
        row = services.run_command(sandbox=default, by=alice, command=command)
        return services.wait_for(execution=row, timeout=60)

    return go


def faults_of(program: Hostile, row: SandboxExecution) -> list[str]:
    """What is wrong with how a program ended."""
    outcome = Outcome(str(row.stdout or "").encode(), exit_code=row.exit_code, cause=str(row.cause))
    faults = [f"{program.name}: got {got}" for got in outcome.got()]
    if row.status != "ended" or row.cause not in program.ends:
        faults.append(f"{program.name}: {row.status} {row.cause} {row.detail}")
    if program.ends == ("exit",) and not (outcome.attempts and row.exit_code == 0):
        faults.append(f"{program.name}: did not run: {row.exit_code} {row.stderr}")
    return faults


def test_the_starter_sandbox_contains_them(
    real: RealWorld, default: Sandbox, run: Callable[..., SandboxExecution]
) -> None:
    faults = []
    for program in BY_THE_WHOLE_WAY:
        given = program.given | {"secret": SECRET, "interpreter": ["/.agi/bin/python3"]}
        faults += faults_of(program, run(program.name, given))
    assert faults == []
    assert real.now(default).status == "running"
    assert real.say(default, "echo still here") == "still here"
    real.is_true()


def test_who_survives_is_gone_with_its_execution_and_the_sandbox_with_all(
    real: RealWorld, default: Sandbox, run: Callable[..., SandboxExecution], alice: Any
) -> None:
    for name in ("survive_exit", "survive_setsid", "survive_stopped"):
        program = (FOLDER / f"{name}.py").read_bytes()
        files.write_file(sandbox=default, by=alice, path=f"bad/{name}.py", content=program)
        row = services.run_command(sandbox=default, by=alice, command=f"python3 bad/{name}.py", timeout=2)
        row = services.wait_for(execution=row, timeout=20)
        assert row.cause == ("exit" if name == "survive_exit" else "timeout"), (name, row.detail)
        left = real.say(default, "ps -eo user,args | grep -c '[s]urvive_' || true")
        assert left == "0", name
    services.run_command(sandbox=default, by=alice, command="python3 bad/survive_setsid.py & sleep 60")
    instance = default.instance.pk
    assert real.do(default, "delete").status == "deleted"
    assert real.engine.find(instance) is None
    real.is_true()


# --- What people see -------------------------------------------------------
# Of the C0 and C1 control characters only tabs and line ends are text.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
MARKUP = ("<script>alert(", "<img src=x", "</pre></template>")


def test_output_is_shown_as_text(
    run: Callable[..., SandboxExecution], default: Sandbox, alice: Any, api_of: Any
) -> None:
    row = run("terminal_escapes")
    assert "<script>" in row.stdout  # what was said is kept as it was
    client = Client()
    client.force_login(alice)
    for name, args in (("execution", [default.pk, row.pk]), ("executions", [default.pk])):
        page = client.get(reverse(f"sandbox:{name}", args=args))
        assert page.status_code == 200
        text = page.content.decode()
        assert CONTROL.findall(text) == []
        assert [mark for mark in MARKUP if mark in text] == []
        assert "49" not in re.findall(r"onerror=alert\(1\)&gt; (\S+)", text)  # no template was evaluated
    answer = api_of(alice).get(f"/api/v1/sandbox-executions/{row.pk}/")
    assert answer["Content-Type"].startswith("application/json")
    assert b"\x1b" not in answer.content
    assert json.loads(answer.content)["stdout"] == row.stdout


def test_raw_output_acts_on_who_looks_at_it(docker_engine: str, engine_site: str) -> None:
    """What a plain terminal or a plain page would get."""
    with weak_box(docker_engine, "agi-sandbox-python:latest", registry.LIMITS, engine_site) as box:
        raw = box.run("terminal_escapes").stdout.decode(errors="replace")
    assert CONTROL.findall(raw)
    assert all(mark in raw for mark in MARKUP)


# --- Archives by the service -----------------------------------------------
def zipped(members: dict[str, bytes], **modes: int) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = modes.get(name.rpartition("/")[2], 0o100644) << 16
            archive.writestr(info, content)
    return target.getvalue()


def test_no_archive_leads_out_by_the_service(default: Sandbox, real: RealWorld, alice: Any) -> None:
    hostile = {name: archives.archive(members) for name, (members, _found) in archives.HOSTILE.items()}
    hostile["zip with dots"] = zipped({"../tmp/escaped-zip": b"escaped", "/tmp/escaped-zip2": b"escaped"})
    hostile["zip with a link"] = zipped({"z": b"/tmp", "z/escaped-zip3": b"escaped"}, z=0o120777)
    hostile["zip with backslashes"] = zipped({"..\\..\\tmp\\escaped-zip4": b"escaped"})
    real.say(default, "echo kept > /tmp/kept")
    for name, content in hostile.items():
        with suppress(Problem):
            files.extract(sandbox=default, by=alice, path="into", chunks=[content])
        assert real.say(default, "ls -d /tmp/escaped* 2>/dev/null || true") == "", name
        odd = real.say(
            default,
            "find /workspace ! -type f ! -type d ! -type l -o -type f -perm /6000 -o -type f -links +1",
        )
        assert odd == "", name
        real.say(default, "rm -rf into")


def test_bombs_are_refused_by_the_service(default: Sandbox, real: RealWorld, alice: Any) -> None:
    bomb = zipped({"bomb": bytes(archives.BOMB_BYTES)})
    for content in (archives.bomb(), bomb):
        assert len(content) < archives.BOMB_BYTES // 500
        with pytest.raises(Problem):
            files.extract(sandbox=default, by=alice, path="into", chunks=[content])
    assert int(real.say(default, "du -s -B1 /workspace | cut -f 1")) < archives.BOMB_BYTES
