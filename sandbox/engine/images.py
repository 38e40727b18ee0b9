"""Images of a host: which there are, and how one is built with a log that is read as it grows."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from typing import Any

from .client import Client, translated
from .errors import EngineError
from .spec import Build


def image_names(client: Client) -> dict[str, str]:
    """{name:tag: image id} of the images on the host."""
    return {
        tag: image["Id"]
        for image in client.call("GET", "/images/json")
        for tag in image["RepoTags"] or ()
        if tag != "<none>:<none>"
    }


def build(client: Client, dockerfile: str, tag: str, on_log: Callable[[str], None], timeout: float) -> Build:
    """Build an image from the text of a Dockerfile alone: nothing of the site is sent along."""
    image_id, fault = "", ""
    for entry in _entries(client, dockerfile, tag, timeout):
        if "error" in entry:
            fault = str(entry["error"])
            on_log(fault)
        elif line := str(entry.get("stream") or _progress(entry)).rstrip():
            on_log(line)
        image_id = (entry.get("aux") or {}).get("ID", image_id)
    if fault:
        return Build(fault=fault)
    found = client.image(tag)
    return Build(image_id=found["Id"] if found else image_id)


def _entries(client: Client, dockerfile: str, tag: str, timeout: float) -> Iterator[dict[str, Any]]:
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        member = tarfile.TarInfo("Dockerfile")
        text = dockerfile.encode()
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    context.seek(0)
    with translated():
        answer = client.api.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            rm=True,
            forcerm=True,
            decode=True,
            timeout=int(timeout),
        )
        try:
            yield from answer
        except json.JSONDecodeError as error:
            raise EngineError(f"The build's log ended within a line: {error}") from error


def _progress(entry: dict[str, Any]) -> str:
    """A line on a layer that is fetched; the bars that move are left out."""
    if "status" not in entry or entry.get("progress"):
        return ""
    return f"{entry['id']}: {entry['status']}" if entry.get("id") else str(entry["status"])
