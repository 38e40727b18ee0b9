"""Archives that are to leave the folder they are unpacked in, or to fill it."""

import io
import tarfile
from collections.abc import Iterable

MEMBER = tuple[str, dict[str, object], bytes]


def member(name: str, content: bytes = b"escaped", **values: object) -> MEMBER:
    return name, values, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> MEMBER:
    return name, {"type": kind, "linkname": target}, b""


def archive(members: Iterable[MEMBER], mode: str = "w") -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode=mode, format=tarfile.PAX_FORMAT) as tar:
        for name, values, content in members:
            info = tarfile.TarInfo(name)
            for key, value in values.items():
                setattr(info, key, value)
            info.size = len(content) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(content))
    return target.getvalue()


# What each is, and which file stands where it should not, once it was unpacked trustingly in /workspace.
HOSTILE: dict[str, tuple[list[MEMBER], str]] = {
    "absolute": ([member("/tmp/escaped-absolute")], "/tmp/escaped-absolute"),
    "dots": ([member("../tmp/escaped-dots")], "/tmp/escaped-dots"),
    "dots within": ([member("a/b/../../../tmp/escaped-within")], "/tmp/escaped-within"),
    "link, then a file through it": ([link("l1", "/tmp"), member("l1/escaped-link")], "/tmp/escaped-link"),
    "relative link": ([link("l2", "../tmp"), member("l2/escaped-relative")], "/tmp/escaped-relative"),
    "links that look harmless": (
        [
            member("d", type=tarfile.DIRTYPE),
            link("d/up", ".."),
            link("l3", "d/up/.."),
            member("l3/tmp/escaped-chain"),
        ],
        "/tmp/escaped-chain",
    ),
    "link over a link": (
        [
            link("l4", "here"),
            member("here", type=tarfile.DIRTYPE),
            link("l4", "/tmp"),
            member("l4/escaped-twice"),
        ],
        "/tmp/escaped-twice",
    ),
    "hard link to a link out": (
        [link("l5", "/tmp"), link("l6", "l5", tarfile.LNKTYPE), member("l6/escaped-hard")],
        "/tmp/escaped-hard",
    ),
    "hard link to a file of the system": (
        [link("shared", "/workspace/../tmp/kept", tarfile.LNKTYPE)],
        "/workspace/shared",
    ),
    "device": (
        [member("device-made", b"", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)],
        "/workspace/device-made",
    ),
    "pipe": ([member("pipe-made", b"", type=tarfile.FIFOTYPE)], "/workspace/pipe-made"),
    "setuid": ([member("setuid-made", mode=0o6755)], "/workspace/setuid-made"),
}
BOMB_BYTES = 80 * 1024**2


def bomb() -> bytes:
    """A few hundred kilobytes that unpack to BOMB_BYTES."""
    return archive([member("bomb", bytes(BOMB_BYTES))], "w:gz")


def many(count: int) -> bytes:
    """As many empty files."""
    return archive((member(f"many/{number}", b"") for number in range(count)), "w:gz")


def named() -> bytes:
    """Names that are too long, too deep, or no text."""
    return archive(
        [
            member("n" * 300),
            member("/".join(["d" * 50] * 200)),
            member("nul\0inside"),
            member("."),
            member(""),
            member("new\nline \x1b[2J"),
            member(".agi-part-forged"),
        ]
    )
