"""Templates: what their columns mean, and which images they may use."""

import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import CharField
from django.utils.translation import gettext as _

from agi_site.lib import plain_json
from agi_site.lib.prepared import prepared
from agi_site.lib.problems import Conflict, Forbidden, Invalid, Unavailable
from system import queue
from system.services import audit

from ..lifecycle import building, specs
from ..lifecycle.defaults import Defaults, checked_env, checked_security, defaults_of
from ..models import HostStatus, SandboxHost, SandboxImage, SandboxImageBuild, SandboxTemplate

__all__ = [
    "Defaults",
    "add_template",
    "allow_image",
    "build_image",
    "change_template",
    "check_image",
    "checked_env",
    "checked_security",
    "defaults_of",
    "set_image_active",
]

CONFIG_FIELDS = ("env", "workspace", "pool", "languages", "expires_in", "icon")
COLUMNS = (
    "name",
    "description",
    "image_name",
    "image_tag",
    "config",
    "resource_config",
    "security_config",
    "is_active",
)
LONGEST_DOCKERFILE = 100_000
IMAGE_NAME = re.compile(r"[a-z0-9][a-z0-9._/:@-]{0,254}")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,49}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def check_image(*, name: str, tag: str) -> None:
    """Raise Conflict unless an image stands on the operators' allow-list, by name and tag or by digest."""
    plain, _at, digest = name.partition("@")
    allowed = _with_digest(digest=digest) if digest else _named(name=plain, tag=tag or specs.LATEST)
    if not allowed:
        raise Conflict(
            _("The image “%(image)s” is not among those that may be used here. An operator can allow it.")
            % {"image": specs.image_reference(name, tag)},
            code="image_not_allowed",
        )


@prepared(name=CharField(), tag=CharField())
def _named(name: Any, tag: Any) -> Any:
    return SandboxImage.objects.filter(is_active=True, name=name, tag=tag).values_list("pk")[:1]


@prepared(digest=CharField())
def _with_digest(digest: Any) -> Any:
    return SandboxImage.objects.filter(is_active=True, digest=digest).values_list("pk")[:1]


@transaction.atomic
def add_template(*, by: Any, values: Mapping[str, Any]) -> SandboxTemplate:
    """Store a template, `values` by the columns' names.

    Raises Forbidden, Invalid or Conflict (an image that is not allowed).
    """
    _need(by, "add_sandboxtemplate")
    return _store(SandboxTemplate(), values, by, "added")


@transaction.atomic
def change_template(*, template: SandboxTemplate, by: Any, values: Mapping[str, Any]) -> SandboxTemplate:
    """Change what is given; sandboxes that stand keep what they have. Raises as `add_template`."""
    _need(by, "change_sandboxtemplate")
    return _store(template, values, by, "changed")


@transaction.atomic
def allow_image(
    *, by: Any, name: str, tag: str = "latest", digest: str = "", description: str = ""
) -> SandboxImage:
    """Put an image on the allow-list, by name and tag or by digest; raises Forbidden or Invalid."""
    _need(by, "add_sandboximage")
    faults: dict[str, list[str]] = {}
    if not IMAGE_NAME.fullmatch(name) or "@" in name:
        faults["name"] = [_("This is not the name of an image.")]
    if not TAG.fullmatch(tag):
        faults["tag"] = [_("This is not a tag.")]
    if digest and not DIGEST.fullmatch(digest):
        faults["digest"] = [_("A digest is “sha256:” and 64 hexadecimal digits.")]
    if len(description) > 255:
        faults["description"] = [_("At most %(most)s characters.") % {"most": 255}]
    if faults:
        raise Invalid(errors=faults)
    row, _created = SandboxImage.objects.update_or_create(
        name=name,
        tag=tag,
        defaults={"digest": digest or None, "description": description, "is_active": True},
    )
    audit(component="sandbox", message=f"image {row} was allowed", by=by)
    found: SandboxImage = row
    return found


@transaction.atomic
def set_image_active(*, image: SandboxImage, by: Any, active: bool) -> SandboxImage:
    """Allow an image, or no longer; raises Forbidden."""
    _need(by, "change_sandboximage")
    image.is_active = active
    image.save(update_fields=["is_active", "updated_at"])
    audit(
        component="sandbox",
        message=f"image {image} was {'allowed' if active else 'taken off the list'}",
        by=by,
    )
    return image


@transaction.atomic
def build_image(*, image: SandboxImage, by: Any, dockerfile: str) -> SandboxImageBuild:
    """Queue a build on every host in use, its log on `channels.build_channel(id)`.

    Raises Forbidden, Invalid, or Unavailable while no host is there.
    """
    _need(by, "change_sandboximage")
    if not dockerfile.strip() or len(dockerfile) > LONGEST_DOCKERFILE or plain_json.fault_in_text(dockerfile):
        raise Invalid(errors={"dockerfile": [_("Write a Dockerfile of at most 100,000 characters.")]})
    host = SandboxHost.objects.filter(status=HostStatus.ACTIVE).order_by("pk").first()
    if host is None:
        raise Unavailable(_("No Docker host answers, so no image can be built now."), code="no_host")
    build: SandboxImageBuild = SandboxImageBuild.objects.create(
        image=image, dockerfile=dockerfile, built_by=by
    )
    queue.enqueue(
        task_type="sandbox.build_image",
        payload={"build_id": build.pk, "host_id": host.pk},
        queue=host.queue,
        key=building.task_key(str(build.pk)),
    )
    audit(component="sandbox", message=f"a build of image {image} was started", by=by)
    return build


def _need(by: Any, codename: str) -> None:
    if by is not None and not by.has_perm(f"sandbox.{codename}"):
        raise Forbidden


def _store(template: SandboxTemplate, values: Mapping[str, Any], by: Any, verb: str) -> SandboxTemplate:
    if unknown := sorted(set(values) - set(COLUMNS)):
        raise Invalid(errors={name: [_("There is no such field.")] for name in unknown})
    for name, value in values.items():
        setattr(template, name, value.strip() if isinstance(value, str) else value)
    _check(template)
    check_image(name=str(template.image_name), tag=str(template.image_tag))
    template.save()
    audit(component="sandbox", message=f"template {template.name} was {verb}", by=by)
    return template


def _check(template: SandboxTemplate) -> None:
    faults: dict[str, list[str]] = {}
    for name in ("config", "resource_config", "security_config"):
        value = getattr(template, name)
        if value is not None and not isinstance(value, dict):
            faults[name] = [_("This has to be a JSON object.")]
        plain_json.check(value, field=name, max_text=200_000)
    if not template.name or len(str(template.name)) > 100:
        faults["name"] = [_("Give it a name of at most 100 characters.")]
    elif SandboxTemplate.objects.filter(name=template.name).exclude(pk=template.pk).exists():
        faults["name"] = [_("There is a template with this name already.")]
    if not IMAGE_NAME.fullmatch(str(template.image_name)):
        faults["image_name"] = [_("This is not the name of an image.")]
    if not TAG.fullmatch(str(template.image_tag)):
        faults["image_tag"] = [_("This is not a tag.")]
    if unknown := sorted(set(template.config or {}) - set(CONFIG_FIELDS)) if "config" not in faults else []:
        faults["config"] = [
            _("There is no field “%(name)s” here.") % {"name": name} for name in map(str, unknown)
        ]
    if faults:
        raise Invalid(errors=faults)
    defaults_of(template)
