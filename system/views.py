"""The one page of the system: what a load balancer asks."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from . import services


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Whether this site works: 200, or 503 when the database does not answer."""
    state = services.healthz()
    return JsonResponse(state, status=503 if state["status"] == "down" else 200)
