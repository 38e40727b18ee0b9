"""The starter tools; importing this package registers them."""

from . import calculator, clock, code, knowledge_search

__all__ = ["calculator", "clock", "code", "knowledge_search"]
