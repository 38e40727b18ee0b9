"""What the scanner held back: kept sealed, shown to its owner, decided on by operators."""

from typing import TYPE_CHECKING, Any

from agi_site.lib.problems import Invalid

from ..models import SandboxQuarantine

if TYPE_CHECKING:
    from .transfer import Download


class Quarantined(Invalid):
    """The scanner held a file back; `row` is its quarantine row."""

    code = "quarantined"
    row: SandboxQuarantine


def release_quarantined(*, quarantined: SandboxQuarantine, by: Any) -> SandboxQuarantine:
    """Declare content harmless: it passes from now on, for everybody; raises Forbidden or Conflict."""
    raise NotImplementedError


def remove_quarantined(*, quarantined: SandboxQuarantine, by: Any) -> SandboxQuarantine:
    """Destroy the held copy; the row stays as a record. Raises Forbidden or Conflict."""
    raise NotImplementedError


def open_quarantined(*, quarantined: SandboxQuarantine, by: Any) -> "Download":
    """The held bytes for an operator who looks into it; leaves an audit record. Raises Forbidden, NotFound."""
    raise NotImplementedError
