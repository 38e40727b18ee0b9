"""Ports of a sandbox: which may be reached, and the way to one of them."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, back, form_page

from .. import port_access, services
from ..forms import PortForm
from ..models import Sandbox, SandboxPort
from .common import sandbox_of, sandbox_page


@form_page
def port_list(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET: the ports; POST: one more."""
    sandbox = sandbox_of(request, pk)
    form = PortForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.add_port(sandbox=sandbox, by=request.user, **form.cleaned_data)
        except Problem as problem:
            add_problem(form, problem)
        else:
            messages.success(request, _("The port may be opened now."))
            return redirect("sandbox:ports", sandbox.pk)
    ports = list(SandboxPort.objects.filter(sandbox=sandbox).order_by("container_port", "protocol"))
    for port in ports:
        port.address = port_access.origin_of(port, secure=request.is_secure())
    return sandbox_page(
        request,
        sandbox,
        "ports",
        form=form,
        ports=ports,
        domain=port_access.domain(),
        status=400 if form.errors else 200,
    )


@require_safe
def open_port(request: HttpRequest, pk: UUID, port_pk: UUID) -> HttpResponse:
    """Hand over to the port's own origin: a signed note, good for seconds, becomes a cookie there."""
    sandbox = sandbox_of(request, pk)
    port = _port(sandbox, port_pk)
    try:
        address = port_access.hand_over(
            port=port, by=request.user, session=request.session_row, secure=request.is_secure()
        )
    except Problem as problem:
        return back(request, "sandbox:ports", sandbox.pk, problem=problem)
    response = HttpResponseRedirect(address)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@require_POST
def remove_port(request: HttpRequest, pk: UUID, port_pk: UUID) -> HttpResponse:
    """Close the way to a port."""
    sandbox = sandbox_of(request, pk)
    try:
        services.remove_port(port=_port(sandbox, port_pk), by=request.user)
    except Problem as problem:
        return back(request, "sandbox:ports", sandbox.pk, problem=problem)
    messages.success(request, _("The port is closed."))
    return redirect("sandbox:ports", sandbox.pk)


def _port(sandbox: Sandbox, pk: UUID) -> SandboxPort:
    port = get_object_or_404(SandboxPort.objects.filter(sandbox=sandbox), pk=str(pk))
    port.sandbox = sandbox
    return port
