"""Which tools there are: rows in line with the registry, switched on and off."""

from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from agi_site.lib.engines.base import ToolSpec
from agi_site.lib.problems import Invalid
from system.services import audit

from .. import policy, rates, registry, schemas
from ..models import PolicyEffect, Tool, ToolParameter
from .lookup import Lookup

LONGEST_SECONDS = 6 * 3600
MOST_RETRIES = 10


def specs_for(user: Any) -> list[ToolSpec]:
    """The tools `user` may run now, perhaps after consent: switched on, implemented, not denied."""
    rows = list(Tool.objects.runnable_by(user).with_parameters().order_by("name"))
    lookup = Lookup()
    return [
        ToolSpec(row.name, row.description or "", schemas.json_schema(row.parameters.all()))
        for row in rows
        if (implementation := registry.of_row(row)) and not _denied(lookup, user, row, implementation)
    ]


def sync_registry() -> list[Tool]:
    """Bring the rows in line with the registered tools and return those that are new.

    What operators decide (`enabled`, limits, whether to run again) is set at the first time only.
    """
    found = registry.implementations()
    with transaction.atomic(), translation.override("en"):
        return [tool for tool, new in map(_sync, found) if new]


@transaction.atomic
def set_enabled(*, tool: Tool, enabled: bool, by: Any = None) -> Tool:
    """Switch a tool on or off for everyone."""
    tool.enabled = enabled
    tool.save(update_fields=["enabled", "updated_at"])
    audit(component="tools", message=f"tool {tool.name} was switched {'on' if enabled else 'off'}", by=by)
    return tool


@transaction.atomic
def change_limits(*, tool: Tool, by: Any, **values: Any) -> Tool:
    """Change what operators decide of a tool; raises Invalid, naming the fields.

    `timeout_seconds`, `retry_safe`, `max_retries`, `max_concurrent`, `rate_limit` ("30/m").
    """
    for name, value in values.items():
        setattr(tool, name, value)
    check_limits(tool)
    tool.save(update_fields=[*values, "updated_at"])
    audit(component="tools", message=f"limits of tool {tool.name} were changed", by=by)
    return tool


def check_limits(tool: Tool) -> None:
    """Raise Invalid, naming the fields, for limits that make no sense."""
    faults: dict[str, list[str]] = {}
    if tool.timeout_seconds is not None and not 1 <= tool.timeout_seconds <= LONGEST_SECONDS:
        faults["timeout_seconds"] = [_("From 1 to %(most)d seconds.") % {"most": LONGEST_SECONDS}]
    if tool.max_retries > MOST_RETRIES:
        faults["max_retries"] = [_("At most %(most)d.") % {"most": MOST_RETRIES}]
    if tool.max_concurrent is not None and tool.max_concurrent < 1:
        faults["max_concurrent"] = [_("At least 1; switch the tool off instead.")]
    try:
        rates.parse_rate(tool.rate_limit)
    except Invalid as problem:
        faults |= problem.errors
    if faults:
        raise Invalid(errors=faults)


def _denied(lookup: Lookup, user: Any, row: Tool, implementation: registry.Implementation) -> bool:
    decision = policy.decide(
        lookup.rules(),
        tool=row,
        role_ids=lookup.roles(user),
        default_effect=implementation.default_effect,
    )
    return decision.effect == PolicyEffect.DENY


def _sync(implementation: registry.Implementation) -> tuple[Tool, bool]:
    values = {
        "description": str(implementation.description),
        "category": implementation.category,
        "version": implementation.version,
        "exec_env": implementation.exec_env,
    }
    first = {"retry_safe": implementation.retry_safe, "max_retries": implementation.max_retries}
    tool, new = Tool.objects.update_or_create(
        name=implementation.name, defaults=values, create_defaults=values | first
    )
    tool.parameters.exclude(name__in=[parameter.name for parameter in implementation.parameters]).delete()
    for parameter in implementation.parameters:
        ToolParameter.objects.update_or_create(
            tool=tool, name=parameter.name, defaults=schemas.row_values(parameter)
        )
    return tool, new
