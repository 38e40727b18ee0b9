"""The starter tools; importing this package registers them."""

from . import calculator, clock, knowledge_search

__all__ = ["calculator", "clock", "knowledge_search"]
