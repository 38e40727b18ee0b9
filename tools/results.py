"""The form in which a result is kept: plain JSON of bounded size."""

import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

MAX_BYTES = 64 * 1024
HEAD_CHARACTERS = 16_000


def storable(result: Any) -> Any:
    """The result as plain JSON; of a large one the head and its size in bytes.

    Raises ValueError or TypeError for what JSON cannot say.
    """
    text = json.dumps(result, cls=DjangoJSONEncoder, ensure_ascii=False, allow_nan=False)
    data = text.encode("utf-8", "replace")
    if len(data) <= MAX_BYTES:
        return json.loads(data)
    whole = result if isinstance(result, str) else text
    head = whole[:HEAD_CHARACTERS].encode("utf-8", "replace").decode()
    return {"truncated": True, "size": len(data), "head": head}
