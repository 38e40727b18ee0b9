"""Making works: the row, its first version with the content in a file, and the prompt that led to it."""

import uuid
from functools import partial
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.problems import Invalid, NotFound

from .models import CreativeVersion, CreativeWork, GenerationPrompt, WorkType

FOLDER = "creative"
LONGEST_CONTENT = 1_000_000
# Contents that are text; those of other types come as files.
TEXTS = {WorkType.TEXT: "md", WorkType.CODE: "txt", WorkType.MIXED: "md"}
_SPACE = uuid.UUID("6f1f3a9e-3d0c-4b8e-9b57-0f5f1c0c7a11")


def create_work(
    *, owner: Any, kind: str, title: str, content: str, prompt: str = "", key: str = ""
) -> CreativeWork:
    """Store a work of text, its content as its first version; raises Invalid, naming the fields.

    With a `key` the same call made again gives the same work: its id and its file are made of the key.
    """
    _check(kind=kind, title=title, content=content)
    named = uuid.uuid5(_SPACE, f"{owner.pk}:{key}") if key else uuid.uuid4()
    existing: CreativeWork | None = CreativeWork.objects.for_user(owner).filter(pk=str(named)).first()
    if existing is not None:
        return existing
    path = f"{FOLDER}/{owner.pk}/{named}-1.{TEXTS[WorkType(kind)]}"
    if default_storage.exists(path):  # left by an attempt that died before its rows
        default_storage.delete(path)
    path = default_storage.save(path, ContentFile(content.encode()))
    with transaction.atomic():
        work: CreativeWork = CreativeWork.objects.create(
            id=str(named), user=owner, type=kind, title=title, content_ref=path
        )
        CreativeVersion.objects.create(work=work, version_number=1, content_ref=path)
        if prompt:
            GenerationPrompt.objects.create(work=work, prompt_text=prompt, prompt_type="request")
    return work


def content_of(work: CreativeWork) -> Any:
    """The open file of a work's content; raises NotFound where it has none here."""
    path = work.content_ref or ""
    if not _is_ours(work, path) or not default_storage.exists(path):
        raise NotFound(_("This work has no content here."), code="no_content")
    return default_storage.open(path)


@transaction.atomic
def delete_work(work: CreativeWork) -> None:
    """Let a work go with its versions; their contents after the commit."""
    versions = CreativeVersion.objects.filter(work=work).values_list("content_ref", flat=True)
    paths = {path for path in {work.content_ref, *versions} if path and _is_ours(work, path)}
    work.delete()
    for path in sorted(paths):
        transaction.on_commit(partial(default_storage.delete, path), robust=True)


def _is_ours(work: CreativeWork, path: str) -> bool:
    """Whether a content lies in its owner's folder; a row may come with any path in it."""
    return path.startswith(f"{FOLDER}/{work.user_id}/") and ".." not in path


def _check(*, kind: str, title: str, content: str) -> None:
    faults: dict[str, list[Any]] = {}
    if kind not in TEXTS:
        faults["kind"] = [_("Choose one of: %(known)s.") % {"known": ", ".join(TEXTS)}]
    if not title.strip() or len(title) > 255:
        faults["title"] = [_("Write a title of at most 255 characters.")]
    if not content.strip() or len(content) > LONGEST_CONTENT:
        faults["content"] = [_("Write at most %(most)d characters.") % {"most": LONGEST_CONTENT}]
    for name, value in (("title", title), ("content", content)):
        if fault := plain_json.fault_in_text(value):
            faults[name] = [fault]
    if faults:
        raise Invalid(errors=faults)
