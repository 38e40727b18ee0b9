"""Work done outside of requests: closing what a dead process left open."""

from system import queue

from . import services


@queue.periodic("tools.fail_abandoned", every=300)
def fail_abandoned() -> int:
    """Close the executions whose process died under them."""
    return services.fail_abandoned()
