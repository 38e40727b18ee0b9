"""The matcher: which concepts of two domains correspond, how sure that is, and why."""

from .match import SHOWN_FROM, Match, Model, match, packaged

__all__ = ["SHOWN_FROM", "Match", "Model", "match", "packaged"]
