"""The most used tags, which the list of knowledge offers: counted by the clock, not while a person waits."""

from django.core.cache import cache
from django.db.models import Count

from .models import KnowledgeTag

KEY = "knowledge:tags"
SHOWN = 30
KEPT_SECONDS = 3600  # while no worker counts


def common_tags() -> list[str]:
    """The most used tags as last counted; counted here only where no worker has."""
    found: list[str] | None = cache.get(KEY)
    return count_tags() if found is None else found


def count_tags() -> list[str]:
    """Count all tags, and keep the most used ones for the pages."""
    counted = KnowledgeTag.objects.values("tag").annotate(rows=Count("pk")).order_by("-rows", "tag")
    found = list(counted.values_list("tag", flat=True)[:SHOWN])
    cache.set(KEY, found, KEPT_SECONDS)
    return found
