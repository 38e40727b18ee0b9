"""What the scanner says of a transfer, and what follows: it passes, leaves a mark, or is held back."""

from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid

from ..lifecycle.trail import note
from ..models import Direction, Sandbox
from .archives import FILE, BadArchive, is_archive, members
from .limits import Bounds
from .quarantine import Quarantined, hold, is_released, pieces, refusal
from .repacking import Packed
from .scan import Finding, Scan
from .spool import Spool, TooLarge

# How far into an archive that moves as a mere file is looked: what is in it is not unpacked by us.
INSIDE = Bounds(transfer=1 << 30, unpacked=512 << 20, files=20_000)


@dataclass(frozen=True, slots=True)
class Course:
    """Whose bytes move which way; the sandbox of a snapshot may be gone."""

    owner_id: int
    sandbox: Sandbox | None
    direction: Direction

    @classmethod
    def into(cls, sandbox: Sandbox) -> Self:
        return cls(sandbox.user_id, sandbox, Direction.IN)

    @classmethod
    def out_of(cls, sandbox: Sandbox) -> Self:
        return cls(sandbox.user_id, sandbox, Direction.OUT)

    def hold(self, path: str, finding: Finding, content: Spool) -> Quarantined:
        """Hold content back; returns the refusal to raise."""
        row = hold(
            owner_id=self.owner_id,
            sandbox=self.sandbox,
            path=path,
            direction=self.direction,
            finding=finding,
            content=content,
        )
        return refusal(row)

    def mark(self, scan: Scan, path: str) -> None:
        """Note what rules had to report without holding anything back."""
        if scan.marks and self.sandbox is not None:
            note(self.sandbox, "marked", path=path[:255], rules=sorted(scan.marks))


def check_file(course: Course, spool: Spool, *, path: str) -> None:
    """Let a file pass, or hold it back and raise Quarantined; archives are looked into one level deep."""
    with Scan() as scan:
        finding = scan.look(spool) or _inside(scan, spool)
    if finding and not is_released(spool.sha256):
        raise course.hold(path, finding, spool)
    course.mark(scan, path)


def check_members(course: Course, packed: Packed, *, folder: str = "") -> None:
    """As `check_file`, for every file of a tar that was made of an archive."""
    with Scan() as scan:
        for name, (offset, size) in packed.parts.items():
            finding = scan.look(packed.spool, offset, size)
            if not finding:
                continue
            with Spool.filled(packed.spool.chunks(offset, size), most=size) as content:
                if not is_released(content.sha256):
                    raise course.hold(f"{folder}/{name}" if folder else name, finding, content)
    course.mark(scan, folder or "/")


def check_whole(spool: Spool, *, path: str, size: int | None) -> None:
    """Raise Invalid when less arrived than was announced."""
    if size is not None and spool.size != size:
        raise Invalid(
            _("The upload of “%(path)s” ended early: %(got)s of %(all)s bytes came.")
            % {"path": path, "got": spool.size, "all": size},
            code="incomplete",
        )


def _inside(scan: Scan, spool: Spool) -> Finding | None:
    """What is found in the files of an archive; bombs and damaged ones are left alone, they stay packed."""
    if not is_archive(spool):
        return None
    try:
        for count, member in enumerate(members(spool, bounds=INSIDE)):
            if count >= INSIDE.files:
                break
            if member.kind != FILE or member.same_as:
                continue
            with Spool.filled(pieces(member.read), most=INSIDE.unpacked) as part:
                finding = scan.look(part)
            if finding:
                return finding
    except (BadArchive, TooLarge):
        return None
    return None
