"""Host names in network policies: resolved again from time to time, and the rules of containers renewed."""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from agi_site.lib.problems import Problem

from ..engine import EngineError
from ..engine.spec import InstanceSpec
from ..models import InstanceStatus, SandboxEvent, SandboxHost, SandboxInstance, SandboxStatus
from . import specs, trail
from .engines import engine_of
from .specs import NetworkRules

logger = logging.getLogger(__name__)

OPENED = "network_opened"


def renew(host: SandboxHost, known: dict[str, str]) -> dict[str, str]:
    """Give running containers whose policy names hosts the addresses these have now.

    `known` says what each instance has, as the last call returned it; one it does not know gets its rules.
    """
    now: dict[str, str] = {}
    for row in _named(host):
        try:
            spec = specs.stored_spec(row)
            rules = specs.network_rules(spec) if spec else NetworkRules(None, None, {})
            # rules that stand are better than some made while nobody can say what a name has
            if rules.nft_script is None or not rules.hosts or rules.unsure:
                continue
            mark = hashlib.sha256(f"{rules.nft_script}{rules.hosts}".encode()).hexdigest()
            if known.get(row.pk) != mark:
                engine_of(host).apply_network(row.pk, rules.nft_script, rules.rate, hosts=rules.hosts)
                _tell(row, rules)
            now[row.pk] = mark
        except (EngineError, Problem) as error:  # tried again next time
            logger.warning("the network rules of instance %s could not be renewed: %s", row.pk, error)
    return now


def _tell(row: SandboxInstance, rules: NetworkRules) -> None:
    """Say what is so of its names by now, unless that was the last thing said of them."""
    if row.sandbox is None:  # whoever claims it is told
        SandboxInstance.objects.filter(pk=row.pk, status=InstanceStatus.WARM).update(
            spec=specs.with_told(InstanceSpec.from_json(row.spec or {}), rules)
        )
        return
    kinds = (specs.NAMES_CLOSED, specs.NETWORK_SHUT, OPENED)
    last = SandboxEvent.objects.filter(sandbox=row.sandbox, kind__in=kinds).order_by("-pk").first()
    said: dict[str, list[str]] = {} if last is None else {last.kind: (last.data or {}).get("hosts") or []}
    if specs.NETWORK_SHUT in said:
        trail.note_names(row.sandbox, {OPENED: said[specs.NETWORK_SHUT]})
    if rules.told != said:
        trail.note_names(row.sandbox, rules.told)


def _named(host: SandboxHost) -> list[SandboxInstance]:
    """Instances that run on a host with a policy that may name hosts."""
    rows = SandboxInstance.objects.filter(
        host=host, status__in=[InstanceStatus.WARM, InstanceStatus.CLAIMED], container_id__isnull=False
    ).select_related("sandbox")
    return [
        row
        for row in rows
        if (row.sandbox is None or (row.sandbox.status == SandboxStatus.RUNNING and not row.sandbox.verb))
        and _names_hosts((row.spec or {}).get("network_policy") or {})
    ]


def _names_hosts(policy: Mapping[str, Any]) -> bool:
    return any("host" in rule for side in ("allow", "deny") for rule in policy.get(side) or ())
