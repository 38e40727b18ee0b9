"""The policy: which of the rules decides, whatever order they stand in; the rules to begin with."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools import policy, starter
from tools.models import ToolPolicy

TOOL = SimpleNamespace(pk="t1", category="web")
ROLES = {1, 2}
STRENGTH = {"deny": 0, "ask": 1, "allow": 2}


def rule(effect: str, **more: Any) -> ToolPolicy:
    return ToolPolicy(effect=effect, **more)


def decide(*rules: ToolPolicy, **more: Any) -> policy.Decision:
    return policy.decide(rules, tool=TOOL, role_ids=ROLES, **more)


@st.composite
def some_rules(draw: Any) -> list[ToolPolicy]:
    subjects = [{"tool_id": "t1"}, {"tool_id": "other"}, {"category": "web"}, {"category": "files"}, {}]
    drawn = st.builds(
        lambda effect, subject, role, approver, env: rule(
            effect, role_id=role, approver=approver, exec_env=env, **subject
        ),
        st.sampled_from(list(STRENGTH)),
        st.sampled_from(subjects),
        st.sampled_from([None, 1, 2, 3]),
        st.sampled_from(["self", "operator"]),
        st.sampled_from([None, "host", "sandbox"]),
    )
    rules = draw(st.lists(drawn, max_size=7))
    for number, one in enumerate(rules):
        one.pk = number + 1
    return list(rules)


def fits(one: ToolPolicy) -> bool:
    """Said again in other words than the program's."""
    about = one.tool_id in (None, "t1") and one.category in (None, "web")
    return about and one.role_id in (None, 1, 2)


@given(some_rules(), st.randoms())
@settings(max_examples=300, deadline=None)
def test_deny_beats_allow_whatever_the_order(rules: list[ToolPolicy], chance: Any) -> None:
    decided = decide(*rules)
    shuffled = list(rules)
    chance.shuffle(shuffled)
    again = decide(*shuffled)
    assert (again.effect, again.rule, again.fitted) == (decided.effect, decided.rule, decided.fitted)
    assert (again.approver, again.exec_env) == (decided.approver, decided.exec_env)
    fitting = [one for one in rules if fits(one)]
    assert set(decided.fitted) == set(fitting)
    if any(one.effect == "deny" for one in fitting):
        assert decided.effect == "deny"
    elif fitting:
        narrowest = max(one.specificity for one in fitting)
        of_these = [one.effect for one in fitting if one.specificity == narrowest]
        assert decided.effect == min(of_these, key=lambda effect: STRENGTH[effect])
    else:
        assert (decided.effect, decided.rule) == ("allow", None)


@given(some_rules())
@settings(max_examples=100, deadline=None)
def test_one_more_rule_that_denies_always_denies(rules: list[ToolPolicy]) -> None:
    assert decide(*rules, rule("deny")).effect == "deny"
    assert decide(rule("deny"), *rules).effect == "deny"


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ({}, {"category": "web"}),
        ({"category": "web"}, {"tool_id": "t1"}),
        ({}, {"role_id": 1}),
        ({"tool_id": "t1"}, {"tool_id": "t1", "role_id": 2}),
        ({"role_id": 1}, {"category": "web"}),
    ],
)
def test_the_narrower_rule_decides(wide: dict[str, Any], narrow: dict[str, Any]) -> None:
    assert decide(rule("ask", **wide), rule("allow", **narrow)).effect == "allow"
    assert decide(rule("allow", **wide), rule("ask", **narrow)).effect == "ask"


def test_among_equals_asking_beats_allowing_and_an_operator_the_person() -> None:
    assert decide(rule("allow"), rule("ask")).effect == "ask"
    both = decide(rule("ask", approver="self", pk=1), rule("ask", approver="operator", pk=2))
    assert both.approver == "operator"


def test_without_a_rule_the_tools_own_default_counts() -> None:
    assert decide(default_effect="ask").effect == "ask"
    assert decide(rule("allow", tool_id="other"), default_effect="deny").effect == "deny"


def test_nobody_there_to_ask_means_no() -> None:
    alone = decide(rule("ask"), unattended=True)
    assert (alone.effect, alone.unattended_denied) == ("deny", True)
    assert decide(default_effect="ask", unattended=True).effect == "deny"
    assert decide(rule("allow"), unattended=True).effect == "allow"


@pytest.mark.parametrize("effect", ["allow", "ask", "deny"])
def test_a_rule_may_say_otherwise_for_unattended_runs(effect: str) -> None:
    assert decide(rule("ask", unattended=effect), unattended=True).effect == effect
    assert decide(rule("ask", unattended=effect)).effect == "ask"


@pytest.mark.parametrize(
    ("tool_env", "decided", "wished", "env"),
    [
        ("host", "sandbox", None, "host"),
        ("sandbox", None, "host", "sandbox"),
        ("both", None, None, "sandbox"),
        ("both", None, "host", "host"),
        ("both", "sandbox", "host", "sandbox"),
        ("both", "host", None, "host"),
    ],
)
def test_where_a_tool_of_both_runs_is_chosen_by_the_policy_first(
    tool_env: str, decided: str | None, wished: str | None, env: str
) -> None:
    assert policy.env_of(tool_env=tool_env, decided=decided, wished=wished) == env


def test_the_place_is_named_by_the_most_specific_rule_that_names_one() -> None:
    wide, narrow = rule("allow", exec_env="host"), rule("allow", category="web", exec_env="sandbox")
    assert decide(wide, narrow, rule("allow", tool_id="t1")).exec_env == "sandbox"
    assert decide(rule("allow", exec_env="host"), rule("allow", exec_env="sandbox")).exec_env == "sandbox"


# --- Starter rules ------------------------------------------------------------------------------------------
def test_a_new_installation_has_rules_to_see_and_change(db: None) -> None:
    starter.load()
    rules = ToolPolicy.objects.order_by("tool__name").values_list("tool__name", "effect")
    assert list(rules) == [
        ("python", "allow"),
        ("read_file", "allow"),
        ("shell", "allow"),
        ("write_file", "allow"),
    ]


@pytest.mark.parametrize("removed", [["shell"], ["python", "read_file", "shell", "write_file"]])
def test_rules_that_were_removed_stay_away(removed: list[str], db: None) -> None:
    starter.load()
    ToolPolicy.objects.filter(tool__name__in=removed).delete()
    starter.load()
    assert not ToolPolicy.objects.filter(tool__name__in=removed).exists()
