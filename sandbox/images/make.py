"""Make images from this machine's files: once for each content, in seconds.

Each image is tagged twice: by the hash of its content, and `latest`; nothing is made that stands already.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import IO, Any, Protocol

from .recipes import RECIPES

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CHANGES = (
    f"ENV PATH={PATH}",
    "ENV LANG=C.UTF-8",
    "ENV HOME=/workspace",
    "WORKDIR /workspace",
    'CMD ["/bin/sh"]',
)


class Store(Protocol):
    """Where images are kept: an engine, or its client."""

    def image(self, name: str) -> dict[str, Any] | None: ...
    def tag_image(self, name: str, tag: str) -> None: ...
    def import_image(self, archive: IO[bytes], tag: str, changes: Sequence[str]) -> None: ...


def make_images(
    store: Store, names: Iterable[str] = RECIPES, *, on_log: Callable[[str], None] = lambda _line: None
) -> dict[str, str]:
    """Make the named images; {name: tag}. Those whose programs are not on this machine are left out."""
    made = {}
    for name in names:
        try:
            made[name] = make_image(store, name, on_log=on_log)
        except FileNotFoundError as absent:
            on_log(f"{name}: not on this machine: {absent}")
    return made


def make_image(store: Store, name: str, *, on_log: Callable[[str], None] = lambda _line: None) -> str:
    """Make one image; its tag, `name:hash`. Raises FileNotFoundError when its programs are not here."""
    tree = RECIPES[name]()
    tree.close()
    tag = f"{name}:{sha256((tree.digest() + repr(CHANGES)).encode()).hexdigest()[:12]}"
    if store.image(tag) is not None:
        store.tag_image(tag, f"{name}:latest")
        on_log(f"{tag} stands")
        return tag
    with tempfile.TemporaryFile() as archive:
        tree.write(archive)
        size = archive.tell()
        archive.seek(0)
        store.import_image(archive, tag, CHANGES)
    store.tag_image(tag, f"{name}:latest")
    on_log(f"{tag} made, {size >> 20} MiB")
    return tag
