"""Where snapshots and held files are kept: a Django storage, by its interface alone (local disk, S3, …).

`STORAGES["sandbox"]` where the site has one, else the default storage, which is a folder below MEDIA_ROOT.
"""

import logging
from typing import Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import Storage, storages

from .spool import Spool

logger = logging.getLogger(__name__)

SNAPSHOTS = "sandbox/snapshots"
QUARANTINE = "sandbox/quarantine"


def storage() -> Storage:
    """The storage of this site's sandboxes."""
    return storages["sandbox" if "sandbox" in settings.STORAGES else "default"]


def store(name: str, spool: Spool) -> str:
    """Keep what is in the spool; returns the name under which the storage kept it."""
    spool.flush()
    spool.file.seek(0)
    return storage().save(name, File(spool.file, name=name))


def open_stored(name: str) -> Any:
    """A stored file to read from; raises FileNotFoundError or what else the storage raises."""
    return storage().open(name, "rb")


def discard(name: str | None) -> None:
    """Delete a stored file; one that cannot be deleted now is found again by the sweep (`orphans`)."""
    if not name:
        return
    try:
        storage().delete(name)
    except Exception:  # storages raise what they like
        logger.warning("the stored file %s was not deleted", name, exc_info=True)


def names_in(folder: str) -> list[str]:
    """The names of what is stored in a folder; empty where there is none (or the storage cannot list)."""
    try:
        _folders, files = storage().listdir(folder)
    except (FileNotFoundError, NotImplementedError):
        return []
    return [f"{folder}/{name}" for name in files]
