"""How near a text is in meaning to what is remembered of a person already: cosines of passages, by key."""

from typing import Any

from agi_site.lib import engines, vectors
from agi_site.lib.engines.base import Vector

from .models import Memory
from .search.fusion import by_meaning

NEAREST = 20


def cosines(
    user_id: Any, content: str, *, besides: str = "", vector: Vector | None = None
) -> dict[str, float]:
    """The nearest memories of a person and their cosines with `content`, nearest first.

    `vector` is the text's own, as a passage, if the caller has it. Memories without a vector of the
    configured engine are left out. The cosines are those of `engines.multilingual()`, which what they are
    held against was fitted to. Raises EngineError.
    """
    engine = engines.embedding()
    if vector is None:
        vector = engine.embed_documents([content])[0]
    vector = engines.multilingual_part(vector)
    shares = by_meaning(Memory, content, vector, (), owner=user_id)
    keys = sorted(shares, key=lambda key: -shares[key])[: NEAREST + 1]
    rows = Memory.objects.filter(pk__in=keys, user=user_id, embedding_model=engine.name).exclude(pk=besides)
    found = {
        key: float(engines.multilingual_part(vectors.unpack(blob)) @ vector)
        for key, blob in rows.values_list("pk", "embedding")
        if blob is not None and len(blob) == 4 * len(vector)
    }
    return dict(sorted(found.items(), key=lambda item: -item[1]))
