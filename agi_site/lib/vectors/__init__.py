"""Nearest vectors by cosine, over the vectors kept in a table's own `embedding` column.

The table is the truth. A small table is held as one matrix per process and searched exactly. Above
VECTOR_INDEX_ROWS rows an index is built in the background (`keep`), from files that all processes of a
machine map into memory; what changed since the build is held in memory and searched exactly beside it. A
missing or damaged index only means exact search until the next build.

With the setting VECTOR_STORE_URL, a Qdrant server takes the place of those files (`store`): for tables that
outgrow a machine. While it does not answer, comparing raises Unavailable.

A process looks at the table at most once a second, for rows written since its last look (by `updated_at`,
through an index: the cost does not grow with the table); it is at most a twentieth of the time. What this
process wrote is seen at once after `touch`. Deleted rows of a small table are noticed by their number; in a
large one when a search meets them (`drop`), at the latest by the next build. Vectors of another engine are
never compared: a row without a vector of the asked engine is not in its index.
"""

from .building import discard, keep
from .comparison import Comparison
from .files import folder_of
from .index import VectorIndex
from .packing import Matrix, Vector, pack, unpack
from .parts import Middle
from .registry import drop, forget, index_of, most_bytes, touch
from .rows import Rows
from .store import Unavailable

__all__ = [
    "Comparison",
    "Matrix",
    "Middle",
    "Rows",
    "Unavailable",
    "Vector",
    "VectorIndex",
    "discard",
    "drop",
    "folder_of",
    "forget",
    "index_of",
    "keep",
    "most_bytes",
    "pack",
    "touch",
    "unpack",
]
