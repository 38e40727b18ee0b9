"""Facts about images, recordings and videos: files in the sandbox, or rows of the person's media."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agi_site.lib.problems import NotFound
from media.probing import facts_of
from media.services import MODELS, content_of
from sandbox import files
from tools.registry import Parameter, ToolContext, ToolFailure, tool

from .code import as_failure, own_sandbox

LARGEST_FILE = 64 << 20
TIMEOUT_SECONDS = 60
_PARAMETERS = [
    Parameter(
        "path",
        "string",
        gettext_lazy("The path of a file in the conversation's sandbox."),
        schema={"minLength": 1, "maxLength": 255},
    ),
    Parameter(
        "media_id",
        "string",
        gettext_lazy("Instead of a path: the id of an image, recording or video of yours."),
        schema={"minLength": 1, "maxLength": 36},
    ),
]


@tool(
    "image_info",
    category="media",
    description=gettext_lazy("Tell an image's format, size in pixels, colours, frames and camera notes."),
    parameters=_PARAMETERS,
    timeout=TIMEOUT_SECONDS,
    retry_safe=True,
)
def image_info(call: ToolContext, *, path: str = "", media_id: str = "") -> dict[str, Any]:
    """`{"name", "size_bytes", "format", "width", "height", "mode", "frames", "exif", …}`."""
    return _info(call, "image", path, media_id)


@tool(
    "audio_info",
    category="media",
    description=gettext_lazy("Tell a recording's format, length, codec, sample rate, channels and tags."),
    parameters=_PARAMETERS,
    timeout=TIMEOUT_SECONDS,
    retry_safe=True,
)
def audio_info(call: ToolContext, *, path: str = "", media_id: str = "") -> dict[str, Any]:
    """`{"name", "size_bytes", "format", "seconds", "bit_rate", "audio": [{…}], "tags", …}`."""
    return _info(call, "audio", path, media_id)


@tool(
    "video_info",
    category="media",
    description=gettext_lazy("Tell a video's format, length, size in pixels, frame rate, codecs and tags."),
    parameters=_PARAMETERS,
    timeout=TIMEOUT_SECONDS,
    retry_safe=True,
)
def video_info(call: ToolContext, *, path: str = "", media_id: str = "") -> dict[str, Any]:
    """`{"name", "size_bytes", "format", "seconds", "video": [{…}], "audio": [{…}], "tags", …}`."""
    return _info(call, "video", path, media_id)


def _info(call: ToolContext, kind: str, path: str, media_id: str) -> dict[str, Any]:
    if bool(path) == bool(media_id):
        raise ToolFailure(_("Give either a path or a media id."))
    name, data = _from_sandbox(call, path) if path else _from_media(call, kind, media_id)
    facts = facts_of(kind, data, seconds=max(1.0, call.remaining() - 1))
    if "error" in facts:
        message = _("“%(name)s” cannot be read as %(kind)s (%(error)s).")
        raise ToolFailure(message % {"name": name, "kind": kind, "error": facts["error"]})
    return {"name": name, "size_bytes": len(data), **facts}


def _from_sandbox(call: ToolContext, path: str) -> tuple[str, bytes]:
    with as_failure():
        found = files.read_file(sandbox=own_sandbox(call), by=call.user, path=path, limit=LARGEST_FILE)
    if not found.complete:
        raise _too_large()
    return path, found.data


def _from_media(call: ToolContext, kind: str, media_id: str) -> tuple[str, bytes]:
    row = MODELS[kind].objects.for_user(call.user).filter(pk=media_id).first()
    if row is None:
        raise ToolFailure(_("There is no such file of yours."))
    try:
        with content_of(row) as file:
            if file.size > LARGEST_FILE:
                raise _too_large()
            return row.filename, file.read()
    except NotFound as gone:
        raise ToolFailure(str(gone.message)) from gone


def _too_large() -> ToolFailure:
    return ToolFailure(_("The file is larger than %(most)d MiB.") % {"most": LARGEST_FILE >> 20})
