"""The agent as a resident of the workers that take the queue of a host."""

from collections.abc import Callable

from django.conf import settings

from system.queue import resident

from .agent import Agent

QUEUES = "sandbox."


@resident("the agent of a sandbox host", queues=QUEUES)
def start(queue: str) -> Callable[[], None]:
    """Start the agent of the host that a queue belongs to; returns how to stop it."""
    from ..lifecycle.engines import engine_of

    name = queue.removeprefix(QUEUES)
    agent = Agent(
        name,
        engine_of(name),
        bind=settings.SANDBOX_GATEWAY_BIND,
        name=settings.SANDBOX_GATEWAY_NAME,
    )
    return agent.start()
