"""Korean: whether a text is Korean, and a model whose vectors of it stand among MiniLM's of English."""

from .e5 import CHARACTERS, KoreanE5
from .gate import is_korean

__all__ = ["CHARACTERS", "KoreanE5", "is_korean"]
