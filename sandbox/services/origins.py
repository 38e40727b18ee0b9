"""The sandbox that belongs to something else: to a conversation, or to a person's loose ends."""

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.problems import Unavailable

from ..models import (
    ExecutionCause,
    ExecutionKind,
    Sandbox,
    SandboxExecution,
    SandboxFile,
    SandboxStatus,
    SandboxTemplate,
)
from . import quotas
from .sandboxes import create_sandbox, do_verb

LANGUAGE = "python"
UNUSED = timedelta(minutes=2)  # whoever turns to it again within that finds its variables
BY_FORCE = (ExecutionCause.CANCELLED, ExecutionCause.LOST)
_WAKING = {SandboxStatus.STOPPED: "start", SandboxStatus.FAILED: "start", SandboxStatus.PAUSED: "resume"}


def sandbox_of(*, owner: Any, origin: tuple[str, str], name: str = "", template: str = "") -> Sandbox:
    """The sandbox made for `origin`, (type, id): the one there is, awake, or else a new one.

    `template` names what it is made of; one that was made of another is left to its expiry. Without it, what
    is there is taken, or made of the oldest that offers Python. What is queued in one that is still waking
    runs once it is awake. Where a person may have no more, the one longest unused in which nothing is gives
    way. Raises what `create_sandbox` raises, and Unavailable where there is no template.
    """
    recipe = {"template__name": template} if template else {}
    with transaction.atomic():
        # two calls at once for one conversation take turns, and share
        get_user_model().objects.select_for_update().get(pk=owner.pk)
        found: Sandbox | None = (
            Sandbox.objects.for_user(owner)
            .shown()
            .with_parts()
            .filter(origin_type=origin[0], origin_id=origin[1], **recipe)
            .exclude(verb="delete")
            .order_by("-pk")
            .first()
        )
        if found is None:
            _make_room(owner)
            return create_sandbox(owner=owner, template=_template(template), name=name, origin=origin)
    if not found.verb and (verb := _WAKING.get(found.status)):
        return do_verb(sandbox=found, verb=verb, by=owner)
    return found


def delete_sandboxes_of(*, origin: tuple[str, str]) -> None:
    """Destroy what was made for `origin`, (type, id), with its files: it is gone itself."""
    made = Sandbox.objects.shown().filter(origin_type=origin[0], origin_id=origin[1])
    for sandbox in made.select_related("host"):
        do_verb(sandbox=sandbox, verb="delete", by=None, cause="done")


def _template(name: str) -> SandboxTemplate:
    """The active template of this name; without one, the oldest that offers Python."""
    template: SandboxTemplate
    active = SandboxTemplate.objects.filter(is_active=True).order_by("pk")
    for template in active.filter(name=name) if name else active:
        if name or LANGUAGE in (template.config or {}).get("languages", []):
            return template
    if name:
        said = _("There is no template “%(name)s” of sandboxes, or it is switched off.")
        raise Unavailable(said % {"name": name}, code="no_template")
    raise Unavailable(
        _("No template of sandboxes offers Python. An operator can add one."), code="no_template"
    )


def _make_room(owner: Any) -> None:
    """Where one may have no more, delete the one made for an origin that nobody misses.

    Without files, without work, and without a terminal or anything ended by force, whose files the table may
    not know: what it loses are variables. Else ten conversations in which something was computed would be the
    last.
    """
    quota = quotas.quota_of(owner)
    if quota.count < quota.most_count:
        return
    ran = SandboxExecution.objects.filter(sandbox=OuterRef("pk"))
    empty = Sandbox.objects.for_user(owner).filter(
        ~Exists(ran.live()),
        ~Exists(ran.filter(Q(kind=ExecutionKind.TERMINAL) | Q(cause__in=BY_FORCE))),
        ~Exists(SandboxFile.objects.filter(sandbox=OuterRef("pk"))),
        origin_type__isnull=False,
        verb__isnull=True,
        status__in=(SandboxStatus.RUNNING, SandboxStatus.STOPPED, SandboxStatus.FAILED),
        last_active__lt=timezone.now() - UNUSED,
    )
    if (unused := empty.order_by("last_active").first()) is not None:
        do_verb(sandbox=unused, verb="delete", by=None, cause="made_room")
