"""The rules of the policy: made, changed and removed by operators, with a trail."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid
from system.services import audit

from ..models import ExecEnv, ToolPolicy

LONGEST_SECONDS = 366 * 86_400


@transaction.atomic
def create_policy(*, by: Any, **values: Any) -> ToolPolicy:
    """Store a rule; raises Invalid, naming the fields."""
    rule = ToolPolicy(created_by=by, **values)
    _check(rule)
    rule.save()
    audit(component="tools", message=f"tool policy {rule.pk} was made: {rule}", by=by)
    return rule


@transaction.atomic
def change_policy(*, policy: ToolPolicy, by: Any, **values: Any) -> ToolPolicy:
    """Change a rule; it counts from the next call on, and for what waits to be run. Raises Invalid."""
    for name, value in values.items():
        setattr(policy, name, value)
    _check(policy)
    policy.save()
    audit(component="tools", message=f"tool policy {policy.pk} was changed: {policy}", by=by)
    return policy


@transaction.atomic
def remove_policy(*, policy: ToolPolicy, by: Any) -> None:
    """Remove a rule."""
    audit(component="tools", message=f"tool policy {policy.pk} was removed: {policy}", by=by)
    policy.delete()


def _check(rule: ToolPolicy) -> None:
    rule.category = rule.category or None
    if rule.tool is not None and rule.category:
        fault = _("Name a tool or a category, not both.")
        raise Invalid(errors={"tool": [fault], "category": [fault]})
    if rule.exec_env and rule.tool is not None and rule.tool.exec_env not in (ExecEnv.BOTH, rule.exec_env):
        raise Invalid(errors={"exec_env": [_("This tool cannot run there.")]})
    if rule.expires_seconds == 0:
        raise Invalid(errors={"expires_seconds": [_("Give people some time to decide.")]})
    if rule.expires_seconds is not None and rule.expires_seconds > LONGEST_SECONDS:
        raise Invalid(errors={"expires_seconds": [_("A question stays open for a year at most.")]})
    try:
        rule.full_clean()
    except ValidationError as error:
        raise Invalid(errors=error.message_dict) from error
