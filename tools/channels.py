"""The channel on which a run is followed: events `started`, `output` {"text"} and `ended` {"status"}."""


def execution_channel(execution_id: str) -> str:
    """The channel of one run."""
    return f"tool-execution:{execution_id}"
