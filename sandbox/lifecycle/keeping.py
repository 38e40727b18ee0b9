"""Workspaces in memory, kept over a stop: saved to the site's storage, given back at the next start."""

import gzip
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import IO, Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict

from .. import gateway
from ..models import Sandbox, SandboxInstance, SandboxStatus

KEPT = "kept"  # the key in `sandbox.config`: {"path", "sha256", "bytes"}
FOLDER = "sandboxes/kept"
GRACE = timedelta(days=1)  # what is being stored is in no row yet
KEY_LENGTH = 36  # of a sandbox, with which the names begin
CHUNK = 1 << 16
IN_MEMORY = 4 << 20


def save(sandbox: Sandbox, instance: SandboxInstance) -> None:
    """Store the workspace as it is now; what was stored before goes when the new one stands."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        size, digest = _fill(file, gateway.archive(instance.pk))
        file.seek(0)
        # a storage gives what is there already another name: what no row came to know of, `sweep` finds
        path = default_storage.save(f"{FOLDER}/{sandbox.pk}-{digest[:16]}.tar.gz", File(file))
    before = _kept(sandbox)
    _write(sandbox, {"path": path, "sha256": digest, "bytes": size})
    if before and before["path"] != path:
        _drop(before["path"])


def restore(sandbox: Sandbox, instance: SandboxInstance) -> None:
    """Put the stored workspace back into a container that was just started; nothing if none is stored.

    It stays stored until the next save: a container that dies without one leaves at least that. Raises
    Conflict when the storage no longer holds what was stored.
    """
    kept = _kept(sandbox)
    if kept is None:
        return
    try:
        with default_storage.open(kept["path"]) as stored:
            if _hash(stored) != kept["sha256"]:
                raise OSError("the hash differs")
            stored.seek(0)
            with gzip.open(stored) as tar:
                gateway.extract(instance.pk, "", _chunks(tar))
    except OSError as error:
        raise Conflict(
            _("The saved workspace cannot be read back: %(fault)s.") % {"fault": error}, code="kept_lost"
        ) from error


def forget(sandbox: Sandbox) -> None:
    """Remove what is stored of a sandbox."""
    kept = _kept(sandbox)
    if kept is not None:
        _drop(kept["path"])
        _write(sandbox, None)


def sweep() -> int:
    """Delete stored workspaces that no sandbox will be given back; returns how many.

    Their rows went with their person, their sandbox is deleted, or a worker died before it wrote down what
    it had stored.
    """
    try:
        _folders, names = default_storage.listdir(FOLDER)
    except (FileNotFoundError, NotImplementedError):
        return 0
    paths = [f"{FOLDER}/{name}" for name in names]
    left = [path for path in paths if not _is_known(path) and _is_old(path)]
    for path in left:
        _drop(path)
    return len(left)


def _is_known(path: str) -> bool:
    key = path.removeprefix(f"{FOLDER}/")[:KEY_LENGTH]
    row = Sandbox.objects.filter(pk=key).exclude(status=SandboxStatus.DELETED).only("config").first()
    return row is not None and (_kept(row) or {}).get("path") == path


def _is_old(path: str) -> bool:
    try:
        return default_storage.get_modified_time(path) < timezone.now() - GRACE
    except (FileNotFoundError, NotImplementedError):
        return False


def _kept(sandbox: Sandbox) -> dict[str, Any] | None:
    found = (sandbox.config or {}).get(KEPT)
    return found if isinstance(found, dict) else None


def _write(sandbox: Sandbox, kept: dict[str, Any] | None) -> None:
    config = {key: value for key, value in (sandbox.config or {}).items() if key != KEPT}
    sandbox.config = config | ({KEPT: kept} if kept else {})
    sandbox.save(update_fields=["config"])


def _fill(file: IO[bytes], chunks: Any) -> tuple[int, str]:
    """Write the chunks packed; the packed size and its hash."""
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1, mtime=0) as packed:
        for chunk in chunks:
            packed.write(chunk)
    size = file.tell()
    file.seek(0)
    return size, _hash(file)


def _hash(file: Any) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(file):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(file: Any) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _drop(path: str) -> None:
    with suppress(OSError):
        default_storage.delete(path)
