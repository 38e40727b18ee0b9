"""English alone: whether a text is English, and a model that knows no other language."""

from .gate import is_english
from .minilm import CHARACTERS, MiniLM

__all__ = ["CHARACTERS", "MiniLM", "is_english"]
