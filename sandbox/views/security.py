"""What a sandbox may and may not do, in plain words, and the forms that change it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, form_page

from .. import services, words
from ..forms import EnvironmentForm, LimitsForm, NetworkForm, SyscallForm
from ..models import Sandbox
from ..services.safety import safety_of
from .common import sandbox_of, sandbox_page

FORMS = {
    "limits": LimitsForm,
    "network": NetworkForm,
    "syscalls": SyscallForm,
    "environment": EnvironmentForm,
}


@form_page
def security(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET: the words and the forms; POST: one of the forms, named by `form`."""
    sandbox = sandbox_of(request, pk)
    sent = request.POST.get("form", "") if request.method == "POST" else ""
    forms = {
        name: kind(request.POST if name == sent else None, sandbox=sandbox) for name, kind in FORMS.items()
    }
    if sent in forms and forms[sent].is_valid():
        try:
            _save(request, sandbox, sent, forms[sent])
        except Problem as problem:
            add_problem(forms[sent], problem)
        else:
            return redirect("sandbox:security", sandbox.pk)
    safety = safety_of(sandbox)
    faulty = bool(sent) and bool(forms.get(sent) is None or forms[sent].errors)
    return sandbox_page(
        request,
        sandbox,
        "security",
        forms=forms,
        sent=sent,
        safety=safety,
        isolation=words.isolation_of(safety.level),
        figures=words.limits_of(sandbox),
        status=400 if faulty else 200,
    )


def _save(request: HttpRequest, sandbox: Sandbox, name: str, form: Any) -> None:
    values = form.wishes()
    if not values and name == "limits":
        messages.info(request, _("Nothing was changed."))
        return
    if name == "limits":
        services.change_limits(sandbox=sandbox, by=request.user, limits=values)
    elif name == "environment":
        services.change_environment(sandbox=sandbox, by=request.user, env=values)
    else:
        services.change_policy(sandbox=sandbox, by=request.user, security=values)
    messages.success(
        request, _("Saved. What cannot change while it runs is applied by a restart that keeps the files.")
    )
