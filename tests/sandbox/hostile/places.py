"""Where hostile programs run: fixtures for each file of their tests, which then has places of its own."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.sandbox.fixtures_engine import own_site

from .boxes import WeakBox, WeakRunnerBox, weak_box
from .registry import RUNNER

SECRET = f"secret-of-another-{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def site() -> str:
    return own_site()


@pytest.fixture(scope="module")
def host(docker_engine: str, site: str) -> Iterator[Any]:
    from sandbox.engine import DockerHost

    found = DockerHost("local", docker_engine, site)
    try:
        found.ensure_ready()
        yield found
    finally:
        found.remove_everything()


@pytest.fixture(scope="module")
def image(host: Any, make_sandbox_image: Callable[..., dict[str, str]]) -> str:
    """The image of the default template."""
    return make_sandbox_image("agi-sandbox-python")["agi-sandbox-python"]


@pytest.fixture(scope="module")
def boxes() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def new_sandbox(host: Any, image: str, boxes: ExitStack) -> Callable[..., Any]:
    """A new sandbox of the default template; `start` goes to the engine's start, the rest to its spec."""
    from .product import product_box

    def make(image: str = image, **options: Any) -> Any:
        return boxes.enter_context(product_box(host, image, **options))

    return make


@pytest.fixture(scope="module")
def sandbox(new_sandbox: Callable[..., Any]) -> Any:
    """One for all the programs: each finds it as the one before left it."""
    return new_sandbox()


@pytest.fixture(scope="module")
def new_weak_runner(
    docker_engine: str, image: str, site: str, boxes: ExitStack
) -> Callable[[], WeakRunnerBox]:
    def make() -> WeakRunnerBox:
        box = WeakRunnerBox(docker_engine, image, site, secret=SECRET)
        boxes.callback(box.remove)
        return box

    return make


@pytest.fixture(scope="module")
def weak(
    docker_engine: str, image: str, site: str, boxes: ExitStack, new_weak_runner: Callable[[], WeakRunnerBox]
) -> Callable[[str], Any]:
    """The weak container of a kind."""
    made: dict[str, WeakBox | WeakRunnerBox] = {}

    def find(kind: str) -> WeakBox | WeakRunnerBox:
        if kind not in made:
            made[kind] = (
                new_weak_runner()
                if kind == RUNNER
                else boxes.enter_context(weak_box(docker_engine, image, kind, site))
            )
        return made[kind]

    return find
