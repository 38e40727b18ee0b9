"""For tests of the doors: rows as they stand, and services that write down what they were asked for."""

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.models import Sandbox, SandboxExecution, SandboxStatus, SandboxTemplate

URL = "/api/v1/sandboxes/"
VERBS = ["start", "pause", "resume", "stop", "restart"]


def at(sandbox: Sandbox, verb: str = "") -> str:
    return f"{URL}{sandbox.pk}/{verb}{'/' if verb else ''}"


class Asked:
    """What a service was asked for, in order; it answers with what the test says, or raises it."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.calls = answer, []

    def __call__(self, *args: Any, **given: Any) -> Any:
        self.calls.append(given or args)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(**given) if callable(self.answer) else self.answer

    @property
    def last(self) -> Any:
        return self.calls[-1]


@pytest.fixture
def asks(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Asked]:
    """`asks("services.do_verb", answer)` puts a note-taker in the place of a service."""

    def put(name: str, answer: Any = None) -> Asked:
        noted = Asked(answer)
        monkeypatch.setattr(f"sandbox.{name}", noted)
        return noted

    return put


@pytest.fixture
def a_template(db: None) -> SandboxTemplate:
    return SandboxTemplate.objects.create(name="A recipe", image_name="python")


@pytest.fixture
def a_sandbox(alice: Any, a_template: SandboxTemplate) -> Sandbox:
    """Alice's, running as far as its row says; there is no container."""
    return Sandbox.objects.create(
        user=alice, name="mine", template=a_template, image_name="python", status=SandboxStatus.RUNNING
    )


@pytest.fixture
def an_execution(a_sandbox: Sandbox, alice: Any) -> SandboxExecution:
    return SandboxExecution.objects.create(
        sandbox=a_sandbox,
        user=alice,
        command="echo hello",
        status="ended",
        cause="exit",
        exit_code=0,
        stdout="hello\n",
        stderr="",
        environment={"KEY": "a secret"},
        stdin="typed",
    )
