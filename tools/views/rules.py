"""Who may run what: the rules of the policy, and why somebody may or may not."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.models import User
from agi_site.lib.problems import Forbidden, Problem
from agi_site.lib.web import add_problem, form_page, page, paged

from .. import services, words
from ..forms import ExplainForm, RuleForm
from ..models import Tool, ToolPolicy


@require_safe
def rule_list(request: HttpRequest) -> HttpResponse:
    """The rules, and with `?tool=` the one that decides for a person, with all that fitted."""
    _check(request, "view")
    rows = ToolPolicy.objects.for_user(request.user).select_related("tool", "role")
    return page(
        request,
        "tools/rules.html",
        page=paged(request, rows, order=["pk"], size=50),
        may_change=request.user.has_perm("tools.change_toolpolicy"),
        **_explained(request),
    )


def _explained(request: HttpRequest) -> dict[str, Any]:
    if not request.GET.get("tool"):
        return {"explain_form": ExplainForm(), "explained": None}
    form = ExplainForm(request.GET)
    if not form.is_valid():
        return {"explain_form": form, "explained": None}
    user, tool = _person(request, form), form.cleaned_data["tool"]
    if user is None:
        return {"explain_form": form, "explained": None}
    explained = services.explain_access(user=user, tool=tool.name)
    ids = [rule["id"] for rule in explained["fitted"]]
    rules = ToolPolicy.objects.select_related("tool", "role").in_bulk(ids)
    return {
        "explain_form": form,
        "explained": explained,
        "explained_person": user,
        "explained_words": words.effect_words(explained["effect"]),
        "unattended_words": words.effect_words(explained["unattended"]),
        "fitted": [rules[pk] for pk in ids if pk in rules],
    }


def _person(request: HttpRequest, form: ExplainForm) -> Any:
    name = form.cleaned_data["username"].strip()
    if not name:
        return request.user
    found = User.objects.filter(username=User.normalize_username(name)).first()
    if found is None:
        form.add_error("username", _("There is nobody of this name."))
    return found


@form_page
def add(request: HttpRequest) -> HttpResponse:
    """Make a rule; `?tool=` names the tool it is to speak of."""
    _check(request, "add")
    named = Tool.objects.filter(name=request.GET.get("tool", "")[:100]).first()
    return _form(request, None, initial={"tool": named})


@form_page
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a rule."""
    _check(request, "change")
    return _form(request, _rule(request, pk))


def _form(request: HttpRequest, rule: ToolPolicy | None, **options: Any) -> HttpResponse:
    form = RuleForm(request.POST or None, instance=rule, **options)
    if request.method == "POST" and form.is_valid():
        try:
            if rule is None:
                services.create_policy(by=request.user, **form.cleaned_data)
            else:
                services.change_policy(policy=rule, by=request.user, **form.cleaned_data)
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("Saved. It counts from the next call on."))
            return redirect("tools:rules")
    return page(request, "tools/rule_form.html", form=form, rule=rule, status=400 if form.errors else 200)


@form_page
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask, and on POST remove a rule."""
    _check(request, "delete")
    rule = _rule(request, pk)
    if request.method != "POST":
        return page(request, "tools/rule_remove.html", rule=rule)
    services.remove_policy(policy=rule, by=request.user)
    messages.success(request, _("The rule is removed."))
    return redirect("tools:rules")


def _rule(request: HttpRequest, pk: int) -> ToolPolicy:
    rows = ToolPolicy.objects.for_user(request.user).select_related("tool", "role")
    found: ToolPolicy = get_object_or_404(rows, pk=pk)
    return found


def _check(request: HttpRequest, verb: str) -> None:
    if not request.user.has_perm(f"tools.{verb}_toolpolicy"):
        raise Forbidden
