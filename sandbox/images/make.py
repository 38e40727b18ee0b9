"""Make images from this machine's files: once for each content, in seconds.

Each image is tagged twice: by the hash of its content, and `latest`; nothing is made that stands already.
"""

import tempfile
from collections.abc import Callable, Iterable

from sandbox.engine import DockerHost

from .recipes import RECIPES

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CHANGES = (
    f"ENV PATH={PATH}",
    "ENV LANG=C.UTF-8",
    "ENV HOME=/workspace",
    "WORKDIR /workspace",
    'CMD ["/bin/sh"]',
)


def make_images(
    host: DockerHost, names: Iterable[str] = RECIPES, *, on_log: Callable[[str], None] = lambda _line: None
) -> dict[str, str]:
    """Make the named images on `host`; {name: tag}. Those whose programs are not on this machine are left out."""
    made = {}
    for name in names:
        try:
            made[name] = make_image(host, name, on_log=on_log)
        except FileNotFoundError as absent:
            on_log(f"{name}: not on this machine: {absent}")
    return made


def make_image(host: DockerHost, name: str, *, on_log: Callable[[str], None] = lambda _line: None) -> str:
    """Make one image; its tag, `name:hash`. Raises FileNotFoundError when its programs are not on this machine."""
    tree = RECIPES[name]()
    tree.close()
    tag = f"{name}:{tree.digest()[:12]}"
    if host.has_image(tag):
        host.tag_image(tag, f"{name}:latest")
        on_log(f"{tag} stands")
        return tag
    with tempfile.TemporaryFile() as archive:
        tree.write(archive)
        size = archive.tell()
        archive.seek(0)
        host.import_image(archive, tag, CHANGES)
    host.tag_image(tag, f"{name}:latest")
    on_log(f"{tag} made, {size >> 20} MiB")
    return tag
