"""Files kept in a folder for each person: of people who are gone, nothing stays.

Rows go with their person by the database's own cascade, which tells nobody; so the clock looks after the
files.
"""

import logging

from django.core.files.storage import default_storage

from .models import User

logger = logging.getLogger(__name__)

LOOKED_UP = 500  # people of one query


def remove_folders_of_gone(folder: str) -> int:
    """Delete what lies below `folder` in subfolders named by ids of people who are gone; how many files.

    Subfolders of other names are left alone.
    """
    try:
        names, _files = default_storage.listdir(folder)
    except FileNotFoundError:
        return 0
    ids = sorted(int(name) for name in names if name.isdecimal())
    removed = 0
    for at in range(0, len(ids), LOOKED_UP):
        asked = ids[at : at + LOOKED_UP]
        there = set(User.objects.filter(pk__in=asked).values_list("pk", flat=True))
        removed += sum(_removed(f"{folder}/{pk}") for pk in asked if pk not in there)
    if removed:
        logger.info("%d files of people who are gone were deleted below %s", removed, folder)
    return removed


def _removed(folder: str) -> int:
    folders, files = default_storage.listdir(folder)
    for name in files:
        default_storage.delete(f"{folder}/{name}")
    removed = len(files) + sum(_removed(f"{folder}/{name}") for name in folders)
    default_storage.delete(folder)
    return removed
