"""The volume that every container sees as /.agi: a Python of this machine with the runner, read-only.

So the runner works in any image, whatever that brings along. The volume is named by its content's hash:
after an
update new containers get the new one, and those that run keep theirs.
"""

import functools
import tempfile
import time
from collections.abc import Mapping

from sandbox import runner
from sandbox.images.tree import Tree

from . import helper_program
from .client import Client, status_of
from .containers import HOME
from .errors import EngineError, NoSuchInstance

EMPTY = "agi-sandbox-empty:latest"
# /etc/hosts of sandboxes without a network, as Docker would write it.
HOSTS = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""
STALE = 60  # seconds after which somebody else's filling is taken for dead


@functools.lru_cache(maxsize=1)
def runner_tree() -> Tree:
    """The files of the volume."""
    tree = Tree(libraries="lib")
    tree.python("")
    for place, content in (runner.files() | helper_program.files()).items():
        tree.text(place, content)
    tree.text("hosts", HOSTS)
    tree.close()
    return tree


@functools.lru_cache(maxsize=1)
def runner_digest() -> str:
    """The hash of the volume's content."""
    return runner_tree().digest()[:16]


def python_command(program: str) -> list[str]:
    """How a program of the volume is started, with nothing of the image's."""
    loader = runner_tree().loader.rsplit("/", 1)[-1]
    return [
        *(f"{HOME}/lib/{loader}", "--library-path", f"{HOME}/lib"),
        *(f"{HOME}/bin/python3", "-I", "-S", f"{HOME}/{program}"),
    ]


def fill(client: Client, name: str, labels: Mapping[str, str]) -> None:
    """Make the volume and fill it; of several who try at once one does, and the others wait."""
    _empty_image(client)
    filler = f"{name}-filler"
    while True:
        try:
            container = client.call(
                "POST", "/containers/create",
                {"Image": EMPTY, "Cmd": ["none"], "NetworkDisabled": True,
                 "Labels": {**labels, "agi.kind": "filler"},
                 "HostConfig": {"NetworkMode": "none", "Mounts": [_mount(name, labels)]}},
                name=filler,
            )["Id"]  # fmt: skip
            break
        except EngineError as error:
            if status_of(error) != 409:
                raise
        if _is_filled_meanwhile(client, filler):
            return
    try:
        with tempfile.TemporaryFile() as archive:
            runner_tree().write(archive)
            archive.seek(0)
            client.put_archive(container, HOME, archive)
    finally:
        client.call("DELETE", f"/containers/{container}", force="1")


def _mount(name: str, labels: Mapping[str, str]) -> dict[str, object]:
    options = {"NoCopy": True, "Labels": {**labels, "agi.kind": "runner"}}
    return {"Type": "volume", "Source": name, "Target": HOME, "VolumeOptions": options}


def _is_filled_meanwhile(client: Client, filler: str) -> bool:
    """Wait for the one who fills; False when that one is dead, whose container is then removed."""
    until = time.monotonic() + STALE
    while time.monotonic() < until:
        try:
            client.call("GET", f"/containers/{filler}/json")
        except NoSuchInstance:
            return True
        time.sleep(0.1)
    client.remove_container(filler)
    return False


def _empty_image(client: Client) -> None:
    if client.image(EMPTY) is None:
        with tempfile.TemporaryFile() as archive:
            Tree().write(archive)
            archive.seek(0)
            client.import_image(archive, EMPTY, ["LABEL agi.kind=empty"])
