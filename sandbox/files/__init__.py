"""Files of sandboxes, as every door calls them: looked at, moved in and out, scanned on the way, mirrored.

Every path is below the workspace ("" is the workspace itself). `by` is who asks, None for the system.
All of them raise NotFound (not there, or not yours), Invalid (a path or an input that is not possible),
Conflict (the sandbox does not run, the disk is full, …), TooMany (a limit) and Unavailable (no agent, no
scanner); a file that the scanner held back is `Quarantined`, an Invalid with code "quarantined".
"""

from .browsing import Entry, Listing, delete, list_files, make_directory, move, stat_file, watch
from .mirror import refresh_soon
from .paths import sayable
from .quarantine import (
    Quarantined,
    open_quarantined,
    release_quarantined,
    remove_quarantined,
)
from .transfer import (
    Content,
    Download,
    Extracted,
    archive,
    download,
    extract,
    read_file,
    upload,
    write_file,
)

__all__ = [
    "Content",
    "Download",
    "Entry",
    "Extracted",
    "Listing",
    "Quarantined",
    "archive",
    "delete",
    "download",
    "extract",
    "list_files",
    "make_directory",
    "move",
    "open_quarantined",
    "read_file",
    "refresh_soon",
    "release_quarantined",
    "remove_quarantined",
    "sayable",
    "stat_file",
    "upload",
    "watch",
    "write_file",
]
