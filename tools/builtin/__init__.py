"""The starter tools; importing this package registers them."""

from . import calculator, clock, code, knowledge_search, media_info, memory_search, web_fetch

__all__ = ["calculator", "clock", "code", "knowledge_search", "media_info", "memory_search", "web_fetch"]
