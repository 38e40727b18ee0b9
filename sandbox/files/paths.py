"""Paths below the workspace, as people and programs write them."""

import unicodedata
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

LONGEST_NAME = 255  # bytes, what Linux allows
LONGEST_PATH = 4000  # bytes
DEEPEST = 64  # folders in folders
# Line breaks and other controls, halves of characters, paragraph marks; then what turns letters round.
_CATEGORIES = {"Cc", "Cs", "Zl", "Zp"}
_TURNS = set(range(0x202A, 0x202F)) | set(range(0x2066, 0x206A)) | {0x200E, 0x200F}


def clean(path: str, *, new: bool = False, field: str = "path") -> str:
    """A path as the runner takes it: relative, "/" between names, "" for the workspace itself.

    "/workspace/a", "/a", "./a" and "a/" are all "a". With `new`, names that only make trouble (control
    characters) are refused as well; what is there already under such a name can still be read, moved and
    deleted. Raises Invalid.
    """
    if "\0" in path:
        raise _refused(field, _("A path cannot hold a null character."))
    if path == "/workspace" or path.startswith("/workspace/"):
        path = path[len("/workspace") :]
    names = [name for name in path.split("/") if name not in ("", ".")]
    fault = _fault(names, new=new)
    if fault:
        raise _refused(field, fault)
    return "/".join(names)


def clean_name(path: str, **options: Any) -> str:
    """As `clean`, but the workspace itself is refused."""
    cleaned = clean(path, **options)
    if not cleaned:
        raise _refused(str(options.get("field", "path")), _("Name a file or folder below the workspace."))
    return cleaned


def fault_of_member(name: str) -> str:
    """What is wrong with the name of a member of an archive, "" when nothing is.

    Stricter than `clean`: an archive that names absolute paths means something else than the workspace.
    """
    if "\0" in name:
        return _("A path cannot hold a null character.")
    if name.startswith("/") or (len(name) > 1 and name[1] == ":") or "\\" in name:
        return _("A path in an archive has to be relative, with / between its names.")
    return _fault([part for part in name.split("/") if part not in ("", ".")], new=True)


def fault_of(path: str) -> str:
    """What is wrong with a path that stands somewhere already, "" when nothing is."""
    if "\0" in path:
        return _("A path cannot hold a null character.")
    return _fault([name for name in path.split("/") if name not in ("", ".")], new=False)


def sayable(path: str) -> str:
    """A path as text: bytes of it that are no UTF-8, which names inside a sandbox may hold, become �."""
    return "".join("�" if "\ud800" <= character <= "\udfff" else character for character in path)


def _fault(names: list[str], *, new: bool) -> str:
    if ".." in names:
        return _("A path cannot lead upwards (..).")
    sizes = [len(name.encode("utf-8", "surrogatepass")) for name in names]
    if any(size > LONGEST_NAME for size in sizes):
        return _("A name has at most %(most)s bytes.") % {"most": LONGEST_NAME}
    if sum(sizes) + len(sizes) > LONGEST_PATH:
        return _("A path has at most %(most)s bytes.") % {"most": LONGEST_PATH}
    if len(names) > DEEPEST:
        return _("Folders can be nested %(most)s deep at most.") % {"most": DEEPEST}
    if new and any(map(_misleading, "".join(names))):
        return _("A name cannot hold control characters or ones that change the direction of writing.")
    return ""


def _misleading(character: str) -> bool:
    return unicodedata.category(character) in _CATEGORIES or ord(character) in _TURNS


def _refused(field: str, message: str) -> Invalid:
    return Invalid(message, code="path", errors={field: [message]})
