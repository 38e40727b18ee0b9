"""What calls are checked against, looked up once for many of them: tools, parameters, rules, roles."""

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, NotFound

from .. import registry, schemas
from ..models import Tool, ToolPolicy


@dataclass(frozen=True)
class Known:
    """A tool as a call needs it: its row, what it does, and the check of its arguments."""

    tool: Tool
    implementation: registry.Implementation

    @cached_property
    def arguments(self) -> schemas.Arguments:
        """The check of the arguments."""
        return schemas.Arguments(list(self.tool.parameters.all()))

    @property
    def seconds(self) -> float:
        """How long a call may take."""
        return float(self.tool.timeout_seconds or self.implementation.timeout)

    def within(self, seconds: float | None) -> float:
        """How long a call may take whose caller allows it `seconds` (None: as long as the tool may)."""
        return self.seconds if seconds is None else min(self.seconds, seconds)

    @property
    def retries(self) -> int:
        """How often a call that breaks is made again."""
        return int(self.tool.max_retries) if self.tool.retry_safe else 0

    @property
    def may_run_again(self) -> bool:
        """Whether an attempt whose process died may be followed by another."""
        return bool(self.tool.retry_safe) or self.implementation.transactional


class Lookup:
    """A small cache for a batch of calls; it forgets everything after `seconds`, so it may be kept."""

    def __init__(self, *, seconds: float = 2.0) -> None:
        self._seconds = seconds
        self._forget_at = 0.0
        self._tools: dict[str, Known] = {}
        self._rules: list[ToolPolicy] | None = None
        self._roles: dict[Any, set[int]] = {}

    def tool(self, name: str) -> Known:
        """The tool of this name; raises NotFound, or Conflict where it cannot be run."""
        self._refresh()
        if name not in self._tools:
            self._tools[name] = _known(name)
        return self._tools[name]

    def rules(self) -> list[ToolPolicy]:
        """All rules of the policy."""
        self._refresh()
        if self._rules is None:
            self._rules = list(ToolPolicy.objects.all())
        return self._rules

    def roles(self, user: Any) -> set[int]:
        """The roles of a person, so far as any rule speaks of roles."""
        if not any(rule.role_id for rule in self.rules()):
            return set()
        if user.pk not in self._roles:
            self._roles[user.pk] = set(user.user_roles.values_list("role_id", flat=True))
        return self._roles[user.pk]

    def _refresh(self) -> None:
        if time.monotonic() > self._forget_at:
            self._forget_at = time.monotonic() + self._seconds
            self._tools, self._rules, self._roles = {}, None, {}


def _known(name: str) -> Known:
    tool = Tool.objects.filter(name=name).with_parameters().first()
    if tool is None:
        message = _("There is no tool called “%(name)s”.")
        raise NotFound(message % {"name": name[:100]}, code="tool_not_found")
    if not tool.enabled:
        message = _("The tool “%(name)s” is switched off. An operator can switch it on.")
        raise Conflict(message % {"name": name}, code="tool_disabled")
    implementation = registry.of_row(tool)
    if implementation is None:
        message = _("The tool “%(name)s” is not available in this installation.")
        raise Conflict(message % {"name": name}, code="tool_unavailable")
    return Known(tool, implementation)
