"""Sandboxes as people ask for them: made, moved by verbs, changed, extended. No engine is called here."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import BigIntegerField, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.prepared import prepared
from agi_site.lib.problems import Conflict, Invalid, NotFound, Unavailable
from system import queue
from system.services import audit

from .. import reasons, states
from ..engine.spec import MEMORY, InstanceSpec
from ..lifecycle import ending, placement, pool, specs, trail
from ..lifecycle.defaults import LONGEST_LIFE
from ..models import (
    HostStatus,
    InstanceStatus,
    Sandbox,
    SandboxInstance,
    SandboxResource,
    SandboxSecurity,
    SandboxSnapshot,
    SandboxStatus,
    SandboxTemplate,
    SandboxWorkspace,
)
from ..policy.limits import Limits, read_limits
from . import claims, quotas
from .ports import check_ports, store_ports
from .templates import Defaults, check_image, checked_env, checked_security, defaults_of

WORKSPACE = "/workspace"
LONGEST_NAME = 100
# People wait for these; a refill can wait for them.
PRIORITY = {"create": 20, "start": 20, "resume": 20, "delete": 10}
ASKED = ("start", "pause", "resume", "stop", "restart", "delete")
# After so many seconds, whoever was making an instance for the pool has died.
MAKER_SECONDS = 15.0
CLAIM_ATTEMPTS = 5
ROOM = 64 << 20  # what a disk has beyond the files that it is made for, at least


def create_sandbox(
    *,
    owner: Any,
    template: SandboxTemplate,
    name: str = "",
    limits: Mapping[str, Any] | None = None,
    security: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    ports: Sequence[Mapping[str, Any]] = (),
    expires_in: int | None = None,
    origin: tuple[str, str] | None = None,
    then: Callable[[Sandbox], None] = lambda sandbox: None,
) -> Sandbox:
    """Make a sandbox of a template: `running` at once when a warm instance waits, else `creating`.

    `limits` by the names of policy.limits; `security` has "network_policy", "syscall_policy", "mount_policy",
    "runtime"; `ports` are {"container_port", "protocol", "published", "description"}; `expires_in` is seconds
    from now; `origin` is what it was made for, as (type, id); `then` is done in the same transaction.
    Raises Invalid, Conflict (the person's quota), TooMany (seconds of running), NotFound (a template that is
    switched off) or Unavailable (no host).
    """
    if not template.is_active:
        raise NotFound(_("This template is switched off."), code="template_inactive")
    defaults = defaults_of(template)
    wanted = read_limits(limits, base=defaults.limits)
    policies = checked_security(security, base=defaults.security)
    variables = checked_env({**defaults.env, **(env or {})})
    opened = check_ports(ports)
    sandbox = Sandbox(
        user=owner,
        template=template,
        name=_checked_name(name),
        image_name=template.image_name,
        image_tag=template.image_tag,
        expires_at=_expiry(defaults.expires_in if expires_in is None else expires_in, field="expires_in"),
        config=_config(template, defaults, policies),
        origin_type=origin[0] if origin else None,
        origin_id=origin[1] if origin else None,
    )
    spec = specs.spec_of_template(template, wanted, policies, defaults.workspace, published=opened)
    for _attempt in range(CLAIM_ATTEMPTS):
        with claims.tried_again(), transaction.atomic():
            _check_may_make(owner, template)
            instance = _find_instance(sandbox, spec)
            sandbox.save(force_insert=True)
            _store_parts(sandbox, limits=wanted, policies=policies, env=variables)
            store_ports(sandbox, opened)
            _give_instance(sandbox, instance, spec, least=defaults.pool_min)
            kind = "claimed" if sandbox.status == SandboxStatus.RUNNING else "created"
            trail.note_and_tell(
                sandbox, kind, by=str(owner), template=str(template.name), host=str(sandbox.host)
            )
            if kind == "claimed" and instance is not None:
                trail.note_names(sandbox, specs.told_of(instance))
            audit(component="sandbox", message=f"sandbox {sandbox.pk} was made of {template.name}", by=owner)
            then(sandbox)
            return sandbox
    raise Unavailable(_("Too many sandboxes are being made at this moment. Try again."), code="busy")


def do_verb(*, sandbox: Sandbox, verb: str, by: Any, **options: Any) -> Sandbox:
    """Ask for `start`, `pause`, `resume`, `stop`, `restart` or `delete`; `sandbox.verb` says so until done.

    Raises Conflict, which names what is possible now. `by` is None for the system itself; `cause` (a slug,
    for the record) may be among the options. Deleting works at any time, and again and again.
    """
    if verb not in ASKED:
        raise Invalid(_("There is no such verb: %(verb)s.") % {"verb": verb[:50]}, code="unknown_verb")
    sandbox.refresh_from_db()
    if verb == "delete" and (sandbox.status == SandboxStatus.DELETED or sandbox.verb == "delete"):
        return sandbox
    if by is not None and verb in {"start", "restart"}:
        quotas.check_seconds(sandbox.user)
    with transaction.atomic():
        begin(sandbox, verb, **options)
        if by is not None:
            audit(component="sandbox", message=f"sandbox {sandbox.pk}: {verb}", by=by)
    return sandbox


def extend_sandbox(*, sandbox: Sandbox, by: Any, seconds: int | None) -> datetime | None:
    """Let it expire `seconds` from now, or (None) never; returns when. Raises Invalid or Conflict."""
    _check_stands(sandbox)
    sandbox.expires_at = _expiry(seconds, field="seconds")
    with transaction.atomic():
        sandbox.save(update_fields=["expires_at"])
        until = sandbox.expires_at.isoformat() if sandbox.expires_at else None
        trail.note_and_tell(sandbox, "extended", by=str(by), expires_at=until)
        audit(component="sandbox", message=f"sandbox {sandbox.pk} may live until {until}", by=by)
    return sandbox.expires_at


def rename_sandbox(*, sandbox: Sandbox, by: Any, name: str) -> Sandbox:
    """Give it another name; raises Invalid."""
    sandbox.name = _checked_name(name)
    sandbox.save(update_fields=["name"])
    return sandbox


def change_limits(*, sandbox: Sandbox, by: Any, limits: Mapping[str, Any]) -> Sandbox:
    """Change limits of a running or stopped sandbox; what Docker cannot change live takes a restart.

    The restart keeps the workspace, and an event `restarted` says so. Raises Invalid or Conflict.
    """
    before = specs.limits_of(sandbox)
    after = read_limits(limits, base=before)
    names = sorted(name for name, value in after.as_dict().items() if before.as_dict()[name] != value)
    if not names:
        return sandbox
    with transaction.atomic():
        _begin_change(sandbox)
        for name in names:
            setattr(sandbox.resource, name, getattr(after, name))
        sandbox.resource.save(update_fields=[*names, "updated_at"])
        _record_change(sandbox, by, {"limits": {name: getattr(after, name) for name in names}})
    return sandbox


def change_policy(*, sandbox: Sandbox, by: Any, security: Mapping[str, Any]) -> Sandbox:
    """Change `network_policy`, `syscall_policy`, `mount_policy` or `runtime`, as `change_limits`."""
    row, config = sandbox.security, dict(sandbox.config or {})
    before = {
        "network_policy": row.network_policy or {},
        "syscall_policy": row.syscall_policy or {},
        "mount_policy": row.mount_policy or {},
        "runtime": str(config.get("runtime") or ""),
    }
    after = checked_security(security, base=before)
    names = sorted(name for name in after if after[name] != before[name])
    if not names:
        return sandbox
    if "runtime" in names and sandbox.host is not None:
        placement.check_runtime(sandbox.host, after["runtime"])
    with transaction.atomic():
        _begin_change(sandbox)
        for name in set(names) - {"runtime"}:
            setattr(row, name, after[name] or None)
        row.save(update_fields=[*(set(names) - {"runtime"}), "updated_at"])
        if "runtime" in names:
            sandbox.config = config | {"runtime": after["runtime"]}
            sandbox.save(update_fields=["config"])
        _record_change(sandbox, by, {"policies": names})
    return sandbox


def change_environment(*, sandbox: Sandbox, by: Any, env: Mapping[str, str]) -> Sandbox:
    """Replace the environment of what will be run from now on; values are sealed. Raises Invalid."""
    _check_stands(sandbox)
    values = checked_env(env)
    with transaction.atomic():
        sandbox.security.env_variables = values or None
        sandbox.security.save(update_fields=["env_variables", "updated_at"])
        trail.note(sandbox, "changed", by=str(by), environment=sorted(values))
        audit(component="sandbox", message=f"the environment of sandbox {sandbox.pk} was changed", by=by)
    return sandbox


def clone_sandbox(
    *, sandbox: Sandbox, by: Any, name: str = "", snapshot: SandboxSnapshot | None = None
) -> Sandbox:
    """Another sandbox of the same recipe, with a copy of the workspace (as of now, or of a snapshot)."""
    from .. import snapshots

    template = sandbox.template
    if template is None:
        raise Conflict(
            _("The template of this sandbox is gone, so it cannot be made again."), code="no_template"
        )
    row = sandbox.security
    with transaction.atomic():
        made = create_sandbox(
            owner=by,
            template=template,
            name=name or _("Copy of %(name)s") % {"name": sandbox.name or sandbox.pk[:8]},
            limits=specs.limits_of(sandbox).as_dict(),
            security={
                "network_policy": row.network_policy or {},
                "syscall_policy": row.syscall_policy or {},
                "mount_policy": row.mount_policy or {},
                "runtime": (sandbox.config or {}).get("runtime") or "",
            },
            env=row.env_variables or {},
            ports=[
                {
                    "container_port": port.container_port,
                    "protocol": port.protocol,
                    "published": port.published,
                    "description": port.description,
                }
                for port in sandbox.ports.all()
            ],
        )
        if snapshot is not None:
            snapshots.fill_sandbox(sandbox=made, snapshot=snapshot, by=by)
        else:
            snapshots.clone_workspace(source=sandbox, target=made, by=by)
    return made


def sandbox_of_snapshot(
    *,
    snapshot: SandboxSnapshot,
    by: Any,
    template: SandboxTemplate,
    limits: Mapping[str, Any] | None = None,
    **given: Any,
) -> Sandbox:
    """A sandbox of a template with the files of a snapshot, whose own sandbox may be long gone.

    `given` is what `create_sandbox` takes. Its disk holds the files, unless `limits` says otherwise.
    """
    from .. import snapshots

    needs = snapshot.size_bytes + max(snapshot.size_bytes // 4, ROOM)
    if needs > defaults_of(template).limits.disk_limit:
        limits = {"disk_limit": needs} | dict(limits or {})
    fill = partial(snapshots.fill_sandbox, snapshot=snapshot, by=by)
    return create_sandbox(
        owner=by, template=template, limits=limits, then=lambda made: fill(sandbox=made), **given
    )


# --- Verbs ------------------------------------------------------------------------------------------------
def begin(sandbox: Sandbox, verb: str, **options: Any) -> None:
    """Let `verb` be under way and queue its work, in the caller's transaction; raises Conflict."""
    rule = states.VERBS[verb]
    free = Q() if rule.any_time else Q(verb__isnull=True)
    said = _reason(sandbox, verb, str(options.get("cause") or ""))
    changed = Sandbox.objects.filter(free, pk=sandbox.pk, status__in=rule.starts_from).update(
        verb=verb, **said
    )
    if not changed:
        sandbox.refresh_from_db()
        raise _not_now(sandbox, verb)
    for name, value in (("verb", verb), *said.items()):
        setattr(sandbox, name, value)
    host = sandbox.host
    if verb == "delete" and (host is None or host.status == HostStatus.LOST):
        ending.delete_without_host(sandbox, **options)
        return
    if host is None or host.status == HostStatus.LOST:
        raise Conflict(
            _("The Docker host of this sandbox does not answer, so this cannot be done now."),
            code="host_lost",
        )
    queue_verb(sandbox, verb, **options)
    trail.tell(sandbox)


def _reason(sandbox: Sandbox, verb: str, cause: str) -> dict[str, Any]:
    """Columns that say, while a sandbox is being ended, who or what wants it so.

    Whoever sees its processes end, and whoever takes up the verb again, reads it there. The row of one that
    failed goes on to say why it did, unless there is a cause to tell.
    """
    if verb not in reasons.HAVE_CAUSES or (sandbox.status == SandboxStatus.FAILED and not cause):
        return {}
    return {"cause": cause or None, "detail": None}


def queue_verb(sandbox: Sandbox, verb: str, *, delay: float = 0, **options: Any) -> None:
    """Queue the work of a verb that is under way, after `delay` seconds."""
    assert sandbox.host is not None
    queue.enqueue(
        task_type=f"sandbox.{verb}",
        payload={"sandbox_id": sandbox.pk, **options},
        priority=PRIORITY.get(verb, 5),
        queue=sandbox.host.queue,
        run_at=timezone.now() + timedelta(seconds=delay) if delay else None,
        # never that of an earlier one, whose task may still be about to end
        key=f"{ending.task_key(verb, str(sandbox.pk))}{secrets.token_hex(4)}",
    )


def _not_now(sandbox: Sandbox, verb: str) -> Conflict:
    if sandbox.verb:
        return Conflict(
            _("“%(under_way)s” is still under way. Wait until it is done.") % {"under_way": sandbox.verb},
            code="verb_under_way",
        )
    possible = ", ".join(states.verbs_of(sandbox)) or _("nothing")
    return Conflict(
        _("“%(verb)s” is not possible while the sandbox is %(status)s. Possible now: %(possible)s.")
        % {"verb": verb, "status": SandboxStatus(sandbox.status).label, "possible": possible},
        code="verb_not_possible",
    )


def _begin_change(sandbox: Sandbox) -> None:
    """A stopped sandbox takes its changes at the next start; a running one by a worker.

    Its row is locked until they are stored: a start at the same moment comes after that.
    """
    sandbox.refresh_from_db(fields=["status", "verb"], from_queryset=Sandbox.objects.select_for_update())
    if sandbox.status in {SandboxStatus.STOPPED, SandboxStatus.FAILED} and not sandbox.verb:
        return
    begin(sandbox, "change")


def _record_change(sandbox: Sandbox, by: Any, what: dict[str, Any]) -> None:
    trail.note(sandbox, "changed", by=str(by), **what)
    named = ", ".join(f"{key}: {', '.join(sorted(value))}" for key, value in what.items())
    audit(component="sandbox", message=f"sandbox {sandbox.pk} was changed ({named})", by=by)


# --- Making -----------------------------------------------------------------------------------------------
def _check_may_make(owner: Any, template: SandboxTemplate) -> None:
    """In the transaction of the making; the person's row is locked, so that two at once take turns."""
    _lock(user=owner.pk)
    quotas.check_room(owner)
    check_image(name=str(template.image_name), tag=str(template.image_tag))


@prepared(user=BigIntegerField())
def _lock(user: Any) -> Any:
    return get_user_model().objects.select_for_update().filter(pk=user).values_list("pk")


def _find_instance(sandbox: Sandbox, spec: InstanceSpec) -> SandboxInstance | None:
    """A waiting instance for a sandbox about to be stored, or (None) the host where one is to be made.

    What the sandbox is then stands on it: running at once, or still to be finished by a worker.
    """
    hosts = placement.hosts_in_use(spec.profile)
    instance = None if spec.published else claims.pick(spec=spec, hosts=hosts)
    if instance is None:
        sandbox.host, sandbox.verb = placement.choose(hosts, spec), "create"
        return None
    sandbox.host, sandbox.container_id = instance.host, instance.container_id
    made_of = specs.stored_spec(instance) if instance.status == InstanceStatus.WARM else None
    if made_of is not None and made_of.live == spec.live:
        now = timezone.now()
        sandbox.status, sandbox.verb = SandboxStatus.RUNNING, None
        sandbox.started_at = sandbox.last_active = now
    else:  # it is still being made, or a worker gives it other limits before it counts as running
        sandbox.status, sandbox.verb = SandboxStatus.CREATING, "create"
    return instance


def _give_instance(
    sandbox: Sandbox, instance: SandboxInstance | None, spec: InstanceSpec, *, least: int
) -> None:
    """Bind the instance, or order a new one, and queue what is left to do; `least` should wait at least."""
    assert sandbox.host is not None
    delay = 0.0
    if instance is None:
        claims.order(sandbox=sandbox, spec=spec, host=sandbox.host)
        pool.refill_soon(sandbox.host)
    else:
        if instance.status == InstanceStatus.WARMING:
            delay = MAKER_SECONDS  # whoever makes it finishes the sandbox; this task does if they die
        claims.bind(instance=instance, sandbox=sandbox)
        pool.refill_if_low(sandbox.host, left=sandbox.host.waiting - 1, least=least)
    if sandbox.verb:
        queue_verb(sandbox, "create", delay=delay)


def _store_parts(
    sandbox: Sandbox, *, limits: Limits, policies: Mapping[str, Any], env: Mapping[str, str]
) -> None:
    sandbox.resource = SandboxResource.objects.create(sandbox=sandbox, **limits.as_dict())
    sandbox.security = SandboxSecurity.objects.create(
        sandbox=sandbox,
        network_policy=policies["network_policy"] or None,
        syscall_policy=policies["syscall_policy"] or None,
        mount_policy=policies["mount_policy"] or None,
        env_variables=dict(env) or None,
        capabilities=[],
    )
    SandboxWorkspace.objects.create(sandbox=sandbox, root_path=WORKSPACE)


def _config(template: SandboxTemplate, defaults: Defaults, policies: Mapping[str, Any]) -> dict[str, Any]:
    config = {"workspace": defaults.workspace, "languages": (template.config or {}).get("languages") or []}
    if defaults.workspace == MEMORY:
        config["workspace_note"] = "memory"
    return config | ({"runtime": policies["runtime"]} if policies["runtime"] else {})


def _checked_name(name: str) -> str:
    name = " ".join(name.replace("\0", "").split())
    if len(name) > LONGEST_NAME:
        raise Invalid(
            errors={"name": [_("A name has at most %(most)d characters.") % {"most": LONGEST_NAME}]}
        )
    return name


def _expiry(seconds: int | None, *, field: str) -> datetime | None:
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= LONGEST_LIFE:
        raise Invalid(
            errors={field: [_("Choose a number of seconds from 1 to %(most)d.") % {"most": LONGEST_LIFE}]}
        )
    return timezone.now() + timedelta(seconds=seconds)


def _check_stands(sandbox: Sandbox) -> None:
    if sandbox.status == SandboxStatus.DELETED or sandbox.verb == "delete":
        raise Conflict(_("This sandbox was deleted."), code="deleted")
