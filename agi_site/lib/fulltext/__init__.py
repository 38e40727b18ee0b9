"""Text search that finds the same rows on MySQL, MariaDB and SQLite, in Korean and in English.

A searchable table has a companion with one row per text: its *grams*, the text cut into terms in Python. The
database only looks terms up; which rows come first is decided in Python, too, so every engine agrees.
"""

from .highlights import highlights
from .ranking import MOST_CANDIDATES, Match, forget_statistics, match
from .table import AddFullText, GramsField, SearchRow, Terms, drop_deleted_terms
from .terms import terms

__all__ = [
    "MOST_CANDIDATES",
    "AddFullText",
    "GramsField",
    "Match",
    "SearchRow",
    "Terms",
    "drop_deleted_terms",
    "forget_statistics",
    "highlights",
    "match",
    "terms",
]
