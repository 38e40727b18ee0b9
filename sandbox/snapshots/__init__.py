"""Snapshots of workspaces: made, restored, copied to another sandbox, downloaded, deleted; and the backups.

A snapshot is a tar packed by zstd in a Django storage, with a manifest of the hash of every file.
"""

from .service import (
    clone_workspace,
    create_snapshot,
    delete_snapshot,
    download_snapshot,
    fill_sandbox,
    rename_snapshot,
    restore_snapshot,
)

__all__ = [
    "clone_workspace",
    "create_snapshot",
    "delete_snapshot",
    "download_snapshot",
    "fill_sandbox",
    "rename_snapshot",
    "restore_snapshot",
]
