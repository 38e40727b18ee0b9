"""Addresses of what an answer cites."""

from django.urls import NoReverseMatch, reverse

_PAGES = {"knowledge": "knowledge:detail", "memory": "memory:detail"}


def address_of(kind: str, row_id: str) -> str:
    """The page of a knowledge or memory row, "" where there is none."""
    try:
        return reverse(_PAGES[kind], args=[row_id])
    except (KeyError, NoReverseMatch):
        return ""
