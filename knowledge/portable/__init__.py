"""Everything a person is remembered by as one JSON file, out and in (the README describes the format)."""

from .reading import FORMAT, MOST_BYTES, MOST_MEMORIES, VERSION, Document, read
from .sections import register_section
from .services import (
    RUN_AT_ONCE,
    Encoder,
    accept_import,
    export_memory,
    give_up_import,
    import_memories,
    take_in,
)

__all__ = [
    "FORMAT",
    "MOST_BYTES",
    "MOST_MEMORIES",
    "RUN_AT_ONCE",
    "VERSION",
    "Document",
    "Encoder",
    "accept_import",
    "export_memory",
    "give_up_import",
    "import_memories",
    "read",
    "register_section",
    "take_in",
]
