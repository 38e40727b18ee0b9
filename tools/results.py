"""The form in which a result is kept: plain JSON; of a large one the head, and the whole in a file."""

import json
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder

MAX_BYTES = 64 * 1024
HEAD_CHARACTERS = 16_000
FOLDER = "tool-results"


@dataclass(frozen=True, slots=True)
class Stored:
    """A result as its row keeps it: `value`, and for a large one the name of its file and its bytes."""

    value: Any
    file: str = ""
    size: int | None = None

    def columns(self) -> dict[str, Any]:
        """The columns of the ledger row."""
        return {"result": self.value, "result_file": self.file, "result_size": self.size}


def stored(result: Any, *, name: str) -> Stored:
    """The result as plain JSON; a large one goes whole into a file called after `name`.

    Text is kept as it is (.txt), everything else as JSON (.json). Raises ValueError or TypeError for what
    JSON cannot say.
    """
    text = json.dumps(result, cls=DjangoJSONEncoder, ensure_ascii=False, allow_nan=False)
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_BYTES:
        return Stored(json.loads(data))
    whole, ending = (result, "txt") if isinstance(result, str) else (text, "json")
    content = whole.encode("utf-8", "replace")
    file = default_storage.save(f"{FOLDER}/{name[:8]}/{name}.{ending}", ContentFile(content))
    head = whole[:HEAD_CHARACTERS].encode("utf-8", "replace").decode()
    return Stored({"truncated": True, "size": len(content), "head": head}, file, len(content))


def discard(file: str) -> None:
    """Remove the file of a result that does not count."""
    if file:
        default_storage.delete(file)
