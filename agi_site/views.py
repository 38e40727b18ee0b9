"""Pages of the roof: the start, and what every page's frame needs (appearance, errors)."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from agi_site.discovery import discover_local
from agi_site.lib.ids import uuid7
from agi_site.lib.web import page
from conversations.forms import MessageForm
from conversations.views import sidebar_of
from knowledge.models import Knowledge, Memory

THEME_COOKIE = "agi_theme"
YEAR = 365 * 24 * 3600
RECENT = 5
COUNTED = 1000


@login_not_required
def home(request: HttpRequest) -> HttpResponse:
    """Where a person starts: ask, or go on where they were; visitors see what this is."""
    if not request.user.is_authenticated:
        return page(request, "landing.html")
    sidebar = sidebar_of(request.user)
    return page(
        request,
        "home.html",
        form=MessageForm(initial={"key": uuid7()}),
        sidebar=sidebar,
        recent=sidebar.rows[:RECENT],
        memories=_counted(Memory.objects.for_user(request.user)),
        knowledge=_counted(Knowledge.objects.for_user(request.user)),
    )


def _counted(rows: QuerySet[Any, Any]) -> str:
    """How many rows there are, counted up to `COUNTED`: the start page must not scan big tables."""
    count = rows.order_by().values("pk")[: COUNTED + 1].count()
    return f"{COUNTED:,}+" if count > COUNTED else f"{count:,}"


@require_GET
def engine(request: HttpRequest) -> HttpResponse:
    """Who answers, what that is good for, and the model server found on this machine, if any."""
    found = discover_local() if settings.CHAT_ENGINE == "guide" else None
    return page(request, "engine.html", "card", found=found, chat_model=settings.CHAT_MODEL)


@login_not_required
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep a browser's choice of light, dark or like the system; without JavaScript the form lands here."""
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    response = HttpResponseRedirect(target)
    theme = request.POST.get("theme")
    if theme in {"light", "dark"}:
        secure = settings.SESSION_COOKIE_SECURE
        response.set_cookie(THEME_COOKIE, theme, max_age=YEAR, samesite="Lax", secure=secure)
    else:
        response.delete_cookie(THEME_COOKIE)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """The page for faults of our own: it names the request, so that an operator finds it in the log."""
    return render(request, "500.html", {"request_id": getattr(request, "id", "")}, status=500)
