"""Warm instances: how many a host should have of each template, making them, and giving up what nobody needs.

Starting containers is a host's heaviest work, and those who work in sandboxes come first. So while a quarter
of what should wait still does, a claim leaves the refill to the rounds of the host's housekeeping; a refill
under way leaves off until nobody has claimed for LULL. Below that it is queued with the claim. One is made
at a time while any waits, REFILLS at a time when none does.
"""

import logging
import math
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone

from agi_site.lib.problems import Problem, Unavailable
from system import queue

from .. import gateway
from ..engine import EngineError, EngineUnavailable, ImageMissing
from ..engine.spec import InstanceSpec
from ..models import WAITING, HostStatus, InstanceStatus, SandboxHost, SandboxInstance, SandboxTemplate
from . import placement, specs
from .defaults import defaults_of
from .engines import engine_of
from .steps import reach

logger = logging.getLogger(__name__)

REFILLS = 2
FEW = 2  # with fewer, the next claim but one would wait
LOW_SHARE = 4
LULL = timedelta(seconds=1)
LOOK_SECONDS = 2.0  # what should wait is looked up again after so long, while instances are made
ASKED_SECONDS = 10
ANSWER_SECONDS = 0.05
PYTHON = "python"  # among a template's languages
# Claims of this span say how many should wait; with none, the template's minimum waits.
SPAN = timedelta(minutes=10)
CLAIMS_PER_INSTANCE = 4
# A refill that takes longer than this has died; the reconciler removes what it left.
MAKING = timedelta(seconds=90)
# A profile that could not be made is left alone for a while.
PAUSE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Target:
    """How many instances of a profile should wait on a host."""

    template: SandboxTemplate
    spec: InstanceSpec
    wanted: int


def refill_soon(host: SandboxHost) -> None:
    """Queue a look at a host's pool, in the caller's transaction."""
    queue.enqueue(task_type="sandbox.refill", payload={"host_id": host.pk}, queue=host.queue, max_retries=0)


def refill_if_low(host: SandboxHost, *, left: int, least: int) -> None:
    """Queue it when fewer than a quarter of `least` are left, or than FEW; in the transaction of a claim.

    Not for each claim of many: who was asked looks again after each instance. Were that lost, the next round
    of the host's housekeeping would see to it.
    """
    if left < max(FEW, _low(least)):
        for hand in range(REFILLS if left < 1 else 1):
            if cache.add(_asked_key(host, hand), True, ASKED_SECONDS):
                refill_soon(host)


def let_the_claim_go_first(host: SandboxHost) -> None:
    """Wait a moment, unless none is left: whoever claimed the last but one still waits for the answer."""
    if SandboxInstance.objects.filter(host=host, status=InstanceStatus.WARM).exists():
        time.sleep(ANSWER_SECONDS)


def is_busy(host: SandboxHost) -> bool:
    """Whether somebody has claimed an instance of a host just now, so that more may be claimed at once."""
    since = timezone.now() - LULL
    taken = (InstanceStatus.CLAIMED, InstanceStatus.ENDING)
    return SandboxInstance.objects.filter(host=host, status__in=taken, claimed_at__gte=since).exists()


def is_due(host: SandboxHost) -> bool:
    """Whether instances are missing on a host, or too many wait."""
    wanted = Counter({target.spec.profile: target.wanted for target in targets(host)})
    return +wanted != +_waiting(host)


def refill(host: SandboxHost) -> int:
    """Make warm instances until nothing is missing, give up what is too much; returns how many were made."""
    made, wanted, looked_at = 0, targets(host), time.monotonic()
    _give_up_surplus(host, wanted)
    while not _can_wait(host, wanted) and (instance := _begin(host, wanted)):
        went_well = make_warm(instance)
        made += went_well
        if not went_well or time.monotonic() - looked_at > LOOK_SECONDS:
            wanted, looked_at = targets(host), time.monotonic()
    cache.delete_many([_asked_key(host, hand) for hand in range(REFILLS)])
    return made


def targets(host: SandboxHost) -> list[Target]:
    """What should wait on a host: its share of each template whose image it has; nothing while it drains."""
    hosts = list(SandboxHost.objects.filter(status=HostStatus.ACTIVE))
    if not any(other.pk == host.pk for other in hosts):
        return []
    found = []
    for template in SandboxTemplate.objects.filter(is_active=True).order_by("pk"):
        try:
            defaults = defaults_of(template)
            spec = defaults.spec(template)
            sharing = placement.fitting(hosts, spec)
        except Problem as problem:
            logger.info("template %s has no pool: %s", template.name, problem)
            continue
        if not any(other.pk == host.pk for other in sharing) or cache.get(_pause_key(host, spec)):
            continue
        recent = SandboxInstance.objects.filter(
            profile=spec.profile, host=host, claimed_at__gte=timezone.now() - SPAN
        ).count()
        low, high = (math.ceil(bound / len(sharing)) for bound in (defaults.pool_min, defaults.pool_max))
        found.append(Target(template, spec, min(high, max(low, low + recent // CLAIMS_PER_INSTANCE))))
    return found


def make_warm(instance: SandboxInstance) -> bool:
    """Make the container of a stored `warming` instance and let it wait; False when that failed."""
    spec = InstanceSpec.from_json(instance.spec or {})
    engine = engine_of(instance.host)
    try:
        container_id = engine.create(instance.pk, spec)
        reach("refill:created")
        SandboxInstance.objects.filter(pk=instance.pk).update(container_id=container_id)
        reach("refill:stored")
        rules = specs.network_rules(spec)
        engine.start(instance.pk, nft_script=rules.nft_script, rate=rules.rate, hosts=rules.hosts)
        reach("refill:started")
        boot = gateway.attach(instance.pk).get("boot")
        reach("refill:attached")
    except (EngineError, Problem) as error:
        _give_up(instance, error, spec)
        return False
    now = timezone.now()
    waits = SandboxInstance.objects.filter(pk=instance.pk, status=InstanceStatus.WARMING).update(
        status=InstanceStatus.WARM,
        container_id=container_id,
        boot_id=boot,
        warm_at=now,
        spec=specs.with_told(spec, rules),
    )
    if not waits:
        return _hand_over(instance, boot)
    _warm_python(instance)
    return True


def _warm_python(instance: SandboxInstance) -> None:
    """Load the interpreter of code cells while nobody waits for it; where that fails, the first cell does."""
    config = (instance.template.config if instance.template else None) or {}
    if PYTHON in (config.get("languages") or ()):
        with suppress(Problem):
            gateway.call(instance.pk, "warm")


def remove_instance(instance: SandboxInstance, *, cause: str) -> None:
    """Remove an instance from its host, whatever there is of it, and then say that it is gone."""
    SandboxInstance.objects.filter(pk=instance.pk).exclude(status=InstanceStatus.GONE).update(
        status=InstanceStatus.ENDING, cause=cause
    )
    engine_of(instance.host).remove(instance.pk)
    reach("remove:removed")
    SandboxInstance.objects.filter(pk=instance.pk).exclude(status=InstanceStatus.GONE).update(
        status=InstanceStatus.GONE, gone_at=timezone.now(), sandbox=None
    )


def _can_wait(host: SandboxHost, wanted: list[Target]) -> bool:
    """Whether others should have the host for themselves: they claim, and enough waits for them."""
    have = _waiting(host)
    enough = all(have[target.spec.profile] >= _low(target.wanted) for target in wanted)
    return enough and is_busy(host)


def _low(wanted: int) -> int:
    """With fewer than so many of `wanted`, a refill waits for nothing."""
    return min(wanted, max(FEW, math.ceil(wanted / LOW_SHARE)))


def _begin(host: SandboxHost, wanted: list[Target]) -> SandboxInstance | None:
    """Store the next instance to be made, or None when nothing is missing or enough are being made.

    Nothing is locked, for claims would wait: the row is stored, and the later one of two takes itself back.
    One that finds enough others at work may leave: each of those looks again when it has made its instance.
    """
    making = SandboxInstance.objects.filter(
        host=host, status=InstanceStatus.WARMING, created_at__gte=timezone.now() - MAKING
    )
    most = _at_a_time(host)
    if making.count() >= most:
        return None
    have = _waiting(host)
    missing = [
        (target.wanted - have[target.spec.profile], target)
        for target in wanted
        if have[target.spec.profile] < target.wanted
    ]
    if not missing:
        return None
    _most, target = max(missing, key=lambda pair: pair[0])
    row: SandboxInstance = SandboxInstance.objects.create(
        host=host,
        template=target.template,
        profile=target.spec.profile,
        status=InstanceStatus.WARMING,
        spec=target.spec.as_json(),
    )
    before = SandboxInstance.objects.waiting(profile=row.profile).filter(host=host, pk__lt=row.pk)
    if making.filter(pk__lt=row.pk).count() >= most or before.count() >= target.wanted:
        taken_back, _kinds = SandboxInstance.objects.filter(
            pk=row.pk, status=InstanceStatus.WARMING, sandbox__isnull=True
        ).delete()
        return None if taken_back else row
    return row


def _at_a_time(host: SandboxHost) -> int:
    """How many are made at a time: one more when somebody may have to wait for it."""
    waits = SandboxInstance.objects.filter(host=host, status=InstanceStatus.WARM).exists()
    return 1 if waits else REFILLS


def _waiting(host: SandboxHost) -> Counter[str]:
    """How many instances of each profile wait, or will soon."""
    return Counter(
        SandboxInstance.objects.filter(host=host, status__in=WAITING).values_list("profile", flat=True)
    )


def _hand_over(instance: SandboxInstance, boot: str | None) -> bool:
    """An instance that was claimed while it was made becomes its sandbox; one that was given up goes."""
    from . import verbs

    row = SandboxInstance.objects.filter(pk=instance.pk).select_related("sandbox").first()
    if row is None or row.status != InstanceStatus.CLAIMED or row.sandbox is None:
        engine_of(instance.host).remove(instance.pk)
        return False
    SandboxInstance.objects.filter(pk=row.pk).update(boot_id=boot)
    verbs.finish_claimed(str(row.sandbox.pk))
    return True


def _give_up_surplus(host: SandboxHost, targets: list[Target]) -> None:
    """Remove warm instances beyond what is wanted, the oldest first, and those nobody asks for."""
    wanted = Counter({target.spec.profile: target.wanted for target in targets})
    waiting = SandboxInstance.objects.filter(host=host, status=InstanceStatus.WARM, sandbox__isnull=True)
    for row in waiting.select_related("host").order_by("-pk"):
        if wanted[row.profile] > 0:
            wanted[row.profile] -= 1
            continue
        ours = SandboxInstance.objects.filter(pk=row.pk, status=InstanceStatus.WARM).update(
            status=InstanceStatus.ENDING, cause="surplus"
        )
        if ours:
            remove_instance(row, cause="surplus")


def _give_up(instance: SandboxInstance, error: Exception, spec: InstanceSpec) -> None:
    """Leave nothing of an instance that could not be made, and do not try again at once."""
    logger.warning("a warm instance could not be made on %s: %s", instance.host.name, error)
    cache.set(_pause_key(instance.host, spec), True, PAUSE_SECONDS)
    cause = "image_missing" if isinstance(error, ImageMissing) else "failed"
    try:
        remove_instance(instance, cause=cause)
    except EngineError:  # it stands as `ending`: the reconciler removes it
        logger.info("instance %s is removed later", instance.pk)
    if isinstance(error, EngineUnavailable | Unavailable):
        raise error


def _asked_key(host: SandboxHost, hand: int) -> str:
    return f"sandbox.refill.asked.{host.pk}.{hand}"


def _pause_key(host: SandboxHost, spec: InstanceSpec) -> str:
    return f"sandbox.refill.pause.{host.pk}.{spec.profile}"
