"""The form in which a result is kept: plain JSON; of a large one the head, and the whole in a file.

The row of a large one: `{"truncated": true, "size": bytes, "head", "excerpt", "execution"}`, where `excerpt`
is the result with its long texts shortened, and `execution` the id of the row, by which the whole is found.
"""

import json
from dataclasses import dataclass
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _

MAX_BYTES = 64 * 1024
HEAD_CHARACTERS = 16_000
EXCERPT_CHARACTERS = 6000
NOTE_CHARACTERS = 60  # what tells how much is left out has fewer
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
    value = {"truncated": True, "size": len(content), "head": head, "execution": name}
    return Stored(value | {"excerpt": shortened(json.loads(data))}, file, len(content))


def read(file: str) -> Any:
    """The whole of a result that was stored in a file; raises OSError where that is gone."""
    with default_storage.open(file) as opened:
        text = opened.read().decode("utf-8", "replace")
    return json.loads(text) if file.endswith(".json") else text


def outline(result: Any) -> Any:
    """A row's result in its own form: of a large one the excerpt."""
    if isinstance(result, dict) and result.get("truncated") is True and "excerpt" in result:
        return result["excerpt"]
    return result


def shortened(result: Any, most: int = EXCERPT_CHARACTERS) -> Any:
    """A result for readers with little room, in about its own form: at most so many characters as JSON.

    Of long texts in it the beginning and the end are left, with how much is missing between them.
    """
    text = _as_text(result)
    if len(text) <= most:
        return result
    if isinstance(result, dict):
        for limit in (most * 4 // 5, most * 2 // 5, most // 5, most // 20):
            kept = {name: _short(value, limit) for name, value in result.items()}
            if len(_as_text(kept)) <= most:
                return kept
    return excerpt(text, most)


def excerpt(text: str, most: int) -> str:
    """The beginning and the end of a long text, and how much is left out between them."""
    if len(text) <= most:
        return text
    room = most - NOTE_CHARACTERS
    first, last = room - room * 2 // 5, room * 2 // 5
    note = _("%(count)d characters left out") % {"count": len(text) - room}
    return f"{text[:first]}\n… {note} …\n{text[-last:]}"


def _short(value: Any, most: int) -> Any:
    text = _as_text(value)
    return value if len(text) <= most else excerpt(text, most)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)


def discard(file: str) -> None:
    """Remove the file of a result that does not count."""
    if file:
        default_storage.delete(file)
