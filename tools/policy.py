"""The policy: which rules fit a call, and which of them decides. Pure; the rows come from `services.lookup`.

Of the rules that fit, `deny` beats the others; else the most specific one decides (a tool before a category
before everything, then a role before everyone); among equals `ask` beats `allow`, and an operator's consent
beats the person's own. Where no rule fits, the tool's own default counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .models import Approver, PolicyEffect, RanIn, ToolPolicy

EXPIRES_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says to a call. `rule` is the row that decided, None where the tool's default did.

    `fitted` are all rules that spoke of it, the strongest first. `unattended_denied`: consent was wanted, and
    nobody is there to give it.
    """

    effect: str
    rule: ToolPolicy | None
    fitted: tuple[ToolPolicy, ...] = ()
    approver: str = Approver.SELF
    exec_env: str | None = None
    expires_after: timedelta = EXPIRES_AFTER
    unattended_denied: bool = False

    @property
    def reason(self) -> str:
        """What the rule's author wrote about it."""
        return self.rule.reason if self.rule else ""


def decide(
    rules: Iterable[ToolPolicy],
    *,
    tool: Any,
    role_ids: set[int],
    unattended: bool = False,
    default_effect: str = PolicyEffect.ALLOW,
) -> Decision:
    """What `rules` say to a call of `tool` by somebody with these roles, whatever order they come in."""
    fitted = sorted((rule for rule in rules if rule.fits(tool=tool, role_ids=role_ids)), key=_weakness)
    rule = fitted[0] if fitted else None
    asked = str(rule.effect if rule else default_effect)
    effect = _unattended(asked, rule) if unattended else asked
    seconds = rule.expires_seconds if rule else None
    return Decision(
        effect=effect,
        rule=rule,
        fitted=tuple(fitted),
        approver=str(rule.approver if rule else Approver.SELF),
        exec_env=_exec_env(fitted),
        expires_after=timedelta(seconds=seconds) if seconds else EXPIRES_AFTER,
        unattended_denied=asked == PolicyEffect.ASK and effect == PolicyEffect.DENY,
    )


def env_of(*, tool_env: str | None, decided: str | None, wished: str | None) -> str:
    """Where a call runs: a tool of one place there; one of both where the policy says, or else the caller.

    Where neither says anything, in a sandbox.
    """
    if tool_env != "both":
        return str(tool_env or RanIn.HOST)
    return str(decided or wished or RanIn.SANDBOX)


def _unattended(effect: str, rule: ToolPolicy | None) -> str:
    if effect != PolicyEffect.ASK:
        return effect
    return str(rule.unattended if rule else PolicyEffect.DENY)


_STRENGTH = {PolicyEffect.DENY: 0, PolicyEffect.ASK: 1, PolicyEffect.ALLOW: 2}


def _weakness(rule: ToolPolicy) -> tuple[Any, ...]:
    """The strongest rule sorts first."""
    subject, person = rule.specificity
    return (
        rule.effect != PolicyEffect.DENY,
        -subject,
        -person,
        _STRENGTH[PolicyEffect(rule.effect)],
        rule.approver != Approver.OPERATOR,
        _STRENGTH[PolicyEffect(rule.unattended)],
        rule.pk or 0,
    )


def _exec_env(fitted: Sequence[ToolPolicy]) -> str | None:
    """The place named by the most specific rule that names one; among equals the sandbox."""
    naming = [rule for rule in fitted if rule.exec_env]
    naming.sort(key=lambda rule: (*(-part for part in rule.specificity), rule.exec_env != RanIn.SANDBOX))
    return str(naming[0].exec_env) if naming else None
