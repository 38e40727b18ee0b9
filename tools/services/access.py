"""Why somebody may do something, or not: the rule that decided, and all that fitted."""

from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import NotFound

from .. import policy, registry
from ..models import Tool, ToolPolicy
from .lookup import Lookup


def explain_access(*, user: Any, tool: str = "", permission: str = "") -> dict[str, Any]:
    """What `user` may do and by which rule; `tool` is a name, `permission` one of `accounts.Permission`.

    Of a tool: `{"tool", "effect", "unattended", "decided_by", "fitted", ...}` with effect allow, ask, deny or
    unavailable. Of a permission: `{"permission", "effect", "decided_by": [roles]}`.
    """
    return _of_tool(user, tool) if tool else _of_permission(user, permission)


def _of_tool(user: Any, name: str) -> dict[str, Any]:
    row = Tool.objects.filter(name=name).first()
    if row is None:
        message = _("There is no tool called “%(name)s”.") % {"name": name[:100]}
        raise NotFound(message, code="tool_not_found")
    implementation = registry.of_row(row)
    default = implementation.default_effect if implementation else "deny"
    lookup = Lookup()
    roles = lookup.roles(user)
    decided = policy.decide(lookup.rules(), tool=row, role_ids=roles, default_effect=default)
    alone = policy.decide(lookup.rules(), tool=row, role_ids=roles, default_effect=default, unattended=True)
    available = bool(row.enabled) and implementation is not None
    return {
        "tool": row.name,
        "user": user.pk,
        "effect": decided.effect if available else "unavailable",
        "unattended": alone.effect if available else "unavailable",
        "enabled": bool(row.enabled),
        "available": implementation is not None,
        "approver": decided.approver if decided.effect == "ask" else None,
        "exec_env": policy.env_of(tool_env=row.exec_env, decided=decided.exec_env, wished=None),
        "reason": decided.reason,
        "decided_by": _told(decided.rule) if decided.rule else {"default_of": row.name, "effect": default},
        "fitted": [_told(rule) for rule in decided.fitted],
    }


def _told(rule: ToolPolicy) -> dict[str, Any]:
    return {
        "id": rule.pk,
        "effect": str(rule.effect),
        "tool": rule.tool_id,
        "category": rule.category,
        "role": rule.role_id,
        "approver": str(rule.approver),
        "unattended": str(rule.unattended),
        "exec_env": str(rule.exec_env) if rule.exec_env else None,
        "reason": rule.reason,
    }


def _of_permission(user: Any, name: str) -> dict[str, Any]:
    roles = user.roles.filter(permissions__name=name).order_by("name")
    return {
        "permission": name,
        "user": user.pk,
        "effect": "allow" if user.has_perm(name) else "deny",
        "decided_by": [{"role": role} for role in roles.values_list("name", flat=True)],
    }
