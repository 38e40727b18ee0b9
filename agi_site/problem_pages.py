"""How a page shows what a service refused: a page of its own, or a toast where HTMX asked."""

from urllib.parse import quote

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import resolve
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from agi_site.lib.api.errors import problem_response
from agi_site.lib.problems import NotFound, Problem, TooMany

TEMPLATES = {400: "400.html", 403: "403.html", 404: "404.html"}


class ProblemPages(MiddlewareMixin):
    """Answers for views that let a Problem through; REST has its own handler."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The problem's page and status; None leaves any other exception to Django."""
        if not isinstance(exception, Problem):
            return None
        response = self._short(exception) if self._is_partial(request) else self._page(request, exception)
        if isinstance(exception, TooMany):
            response.headers["Retry-After"] = str(exception.retry_after)
        return response

    @staticmethod
    def _is_partial(request: HttpRequest) -> bool:
        htmx = getattr(request, "htmx", None)
        return bool(htmx) and not htmx.boosted

    @staticmethod
    def _short(problem: Problem) -> HttpResponse:
        """The sentence in a header, since scripts read it there (static/agi/js/toasts.js)."""
        faults = [str(fault) for found in problem.errors.values() for fault in found]
        text = " ".join(faults) or str(problem.message)
        response = HttpResponse(text, status=problem.status, content_type="text/plain; charset=utf-8")
        response.headers["X-Problem"] = quote(text)
        return response

    @staticmethod
    def _page(request: HttpRequest, problem: Problem) -> HttpResponse:
        template = TEMPLATES.get(problem.status, "problem.html")
        faults = [fault for found in problem.errors.values() for fault in found]
        context = {"message": " ".join(map(str, faults)) or problem.message, "status": problem.status}
        return render(request, template, context, status=problem.status)


@csrf_exempt
@login_not_required
def no_resource(request: HttpRequest) -> HttpResponse:
    """What answers below /api/ where no resource stands: a problem document, whatever the method.

    A reader who forgot the slash at the end is sent on, as everywhere on the site.
    """
    whole = f"{request.path_info}/"
    if request.method in ("GET", "HEAD") and resolve(whole).func is not no_resource:
        return HttpResponseRedirect(request.get_full_path(force_append_slash=True))
    message = _("There is no such address here. See /api/docs/ for those there are; each ends with a slash.")
    return problem_response(request, NotFound(message))
