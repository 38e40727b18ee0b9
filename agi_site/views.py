"""Pages of the roof: the start, and what every page's frame needs (language, appearance, errors)."""

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from django.views.i18n import set_language as django_set_language

from agi_site.lib.web import page

THEME_COOKIE = "agi_theme"
YEAR = 365 * 24 * 3600

set_language = login_not_required(django_set_language)


@login_not_required
def home(request: HttpRequest) -> HttpResponse:
    """Where a person starts: ask, or go on where they were; visitors see what this is."""
    if not request.user.is_authenticated:
        return page(request, "landing.html")
    return page(request, "home.html")


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
