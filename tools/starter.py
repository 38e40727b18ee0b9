"""The tools a new installation starts with."""

from . import services


def load() -> None:
    """Make or refresh the rows of every registered tool; what an operator switched off stays off."""
    services.sync_registry()
