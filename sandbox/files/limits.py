"""How much may move at a time: settings that operators change while the site runs."""

from dataclasses import dataclass

from django.utils.translation import gettext_noop

from system.services import declare, get_setting

CATEGORY = "sandbox"
MEBIBYTE = 1 << 20
# An archive may unpack to this many times its own size; small ones may whatever the megabytes allow.
WIDEST_RATIO = 200
FREE_BYTES = 64 * MEBIBYTE

for _key, _default, _description in (
    (
        "transfer_megabytes",
        2048,
        gettext_noop("The most megabytes of one file or archive into or out of a sandbox."),
    ),
    ("unpacked_megabytes", 8192, gettext_noop("The most megabytes that an archive may unpack to.")),
    ("archive_files", 200_000, gettext_noop("The most files and folders in one archive or snapshot.")),
    (
        "mirrored_files",
        200_000,
        gettext_noop("The most files and folders of one sandbox that the table of files holds."),
    ),
    ("snapshots_per_person", 50, gettext_noop("The most snapshots that one person may keep, backups apart.")),
    ("backups_kept", 7, gettext_noop("How many scheduled backups of a sandbox are kept.")),
    ("quarantine_days", 90, gettext_noop("For how many days the scanner's held copies are kept.")),
):
    declare(category=CATEGORY, key=_key, default=_default, description=_description, least=1)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one transfer: bytes as they come, bytes once unpacked, and how many files."""

    transfer: int
    unpacked: int
    files: int

    def unpacked_from(self, packed: int) -> int:
        """The most bytes that an archive of `packed` bytes may unpack to."""
        return min(self.unpacked, FREE_BYTES + WIDEST_RATIO * packed)


def bounds() -> Bounds:
    """The bounds as operators set them."""
    return Bounds(
        transfer=value("transfer_megabytes") * MEBIBYTE,
        unpacked=value("unpacked_megabytes") * MEBIBYTE,
        files=value("archive_files"),
    )


def value(key: str) -> int:
    """One of the settings above."""
    return int(get_setting(category=CATEGORY, key=key))
