"""What a file says of itself, asked of a process of its own (`probe.py`): decoders of media break."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

_PROGRAM = Path(__file__).with_name("probe.py")


def facts_of(kind: str, data: bytes, *, seconds: float) -> dict[str, Any]:
    """The facts of an `image`, `audio` or `video`, or {"error": why it cannot be read as that}.

    Whatever a hostile file does to its decoder, it does to that process, for `seconds` at most.
    """
    try:
        ended = subprocess.run(
            [sys.executable, "-I", str(_PROGRAM), kind],
            input=data,
            capture_output=True,
            timeout=seconds,
            check=False,
            env={},
        )
        said: dict[str, Any] = json.loads(ended.stdout)
    except subprocess.TimeoutExpired:
        return {"error": _("it took too long")}
    except ValueError:
        return {"error": _("the decoder broke")}
    return said


def small_copy(data: bytes, *, seconds: float) -> bytes | None:
    """A picture as models get it: a small JPEG without notes; None where it cannot be drawn whole."""
    try:
        ended = subprocess.run(
            [sys.executable, "-I", str(_PROGRAM), "small"],
            input=data,
            capture_output=True,
            timeout=seconds,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired:
        return None
    return ended.stdout if ended.returncode == 0 and ended.stdout else None
