"""The names of the event channels of sandboxes."""


def sandbox_channel(sandbox_id: str) -> str:
    """Events `status`, `usage`, `execution`, `files` and `event` of one sandbox."""
    return f"sandbox:{sandbox_id}"


def execution_channel(execution_id: str) -> str:
    """Events `started`, `output` and `ended` of one execution."""
    return f"execution:{execution_id}"


def build_channel(build_id: str) -> str:
    """Events `log` and `ended` of one build of an image."""
    return f"image-build:{build_id}"
