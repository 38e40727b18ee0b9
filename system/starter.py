"""Starter rows: every declared setting with its default, for operators to find and change."""

from .models import Setting
from .services import settings


def load() -> None:
    """Store the declared settings that are not there yet."""
    from .queue import registry

    registry.load()  # the apps declare theirs where their work stands
    stored = set(Setting.objects.values_list("category", "key"))
    missing = [known for known in settings.declared() if (known.category, known.key) not in stored]
    Setting.objects.bulk_create(
        Setting(
            category=known.category,
            key=known.key,
            value=settings.as_text(known.default),
            description=known.description,
        )
        for known in missing
    )
