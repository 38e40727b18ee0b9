"""The offline default chat engine (CHAT_ENGINE=guide): a grounded answerer that routes to tools and never
invents.
"""

from agi_site.lib.engines.guide.engine import Guide

__all__ = ["Guide"]
