"""What every page view needs: one template per page, its partials for HTMX, paging by keyset, plain forms."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from . import keyset
from .problems import Problem

form_page = require_http_methods(["GET", "HEAD", "POST"])


def page(
    request: HttpRequest, template: str, partial: str = "", *, status: int = 200, **context: Any
) -> HttpResponse:
    """Render a page; when HTMX asks and `partial` is named, render only that part of it."""
    htmx = getattr(request, "htmx", None)
    wants_part = partial and htmx and not htmx.boosted and not htmx.history_restore_request
    name = f"{template}#{partial}" if wants_part else template
    response = render(request, name, context, status=status)
    if partial:
        response.headers["Vary"] = "HX-Request, Cookie, Accept-Language"
    return response


def paged(
    request: HttpRequest, queryset: QuerySet[Any, Any], *, order: Sequence[str], size: int = 30
) -> keyset.Page[Any]:
    """The page of `queryset` that the request's `?cursor=` asks for."""
    return keyset.paginate(queryset, order=order, size=size, cursor=request.GET.get("cursor"))


def add_problem(form: BaseForm, problem: Problem) -> None:
    """Show a service's refusal on the form: at the fields it names, or above them all."""
    for field, faults in problem.errors.items():
        for fault in faults:
            form.add_error(field if field in form.fields else None, fault)
    if not problem.errors:
        form.add_error(None, str(problem.message))


def flash(request: HttpRequest, problem: Problem) -> None:
    """Show a service's refusal as a message on the next page."""
    messages.error(request, str(problem.message))


def back(request: HttpRequest, name: str, *args: Any, problem: Problem | None = None) -> HttpResponse:
    """After a plain form: on to a page, with the refusal as a message; HTMX gets it as a toast instead."""
    if problem is not None:
        if getattr(request, "htmx", None):
            raise problem
        flash(request, problem)
    return redirect(name, *args)


def buttons_of(verbs: Iterable[str], known: Mapping[str, tuple[str, Any, bool]]) -> list[dict[str, Any]]:
    """The buttons of verbs; `known` has the icon and label of each, and whether it is to be seen first."""
    found = [(verb, *known[verb]) for verb in verbs if verb in known]
    return [dict(zip(("verb", "icon", "label", "primary"), button, strict=True)) for button in found]
