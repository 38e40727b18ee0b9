"""JSON values in fields of text: what reads as JSON is JSON, everything else is text."""

import json
from typing import Any

from agi_site.lib import plain_json


def read_value(text: str) -> Any:
    """`5`, `true`, `["a"]` and `{"a": 1}` as JSON, `"5"` as the text 5, other text as it stands."""
    bare = text.strip()
    if bare in ("true", "false") or bare[:1] in ("[", "{", '"', "-") or bare[:1].isdigit():
        try:
            value = json.loads(bare)
            plain_json.check(value, field="value")
        except Exception:
            return text
        return value
    return text


def write_value(value: Any) -> str:
    """A value as the text that `read_value` reads as it."""
    if isinstance(value, str) and read_value(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)
