"""Errors over REST: one shape for all of them, problem+json (RFC 9457)."""

from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
    ValidationError,
)
from django.db import IntegrityError
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from agi_site.lib.problems import Conflict, Invalid, Problem, TooLarge, TooMany

PROBLEM_TYPE = "application/problem+json"


def problem_body(
    *, status: int, code: str, title: str, errors: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The members of a problem document; `errors` maps a field to its faults."""
    body: dict[str, Any] = {"type": "about:blank", "status": status, "code": code, "title": title}
    if errors:
        body["errors"] = errors
    return body


def problem_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn every foreseen exception into problem+json; anything else stays an error of ours."""
    _answer_in_json(context.get("request"))
    problem = _as_problem(error)
    if problem is not None:
        body = problem_body(
            status=problem.status,
            code=problem.code,
            title=str(problem.message),
            errors=_texts(problem.errors),
        )
        response = Response(body, status=problem.status, content_type=PROBLEM_TYPE)
        if isinstance(problem, TooMany):
            response.headers["Retry-After"] = str(problem.retry_after)
        return response
    # Loaded late: the framework's views import this module while they are being defined.
    from rest_framework.views import exception_handler

    answer = exception_handler(error, context)
    if answer is not None:
        answer.data = _from_rest_framework(error, answer)
        if isinstance(error, exceptions.UnsupportedMediaType):
            answer.data["title"] = _media_types(context)
        answer.content_type = PROBLEM_TYPE
    return answer


def _media_types(context: dict[str, Any]) -> str:
    """Which types of body are read where another one came."""
    given = context["request"].content_type.partition(";")[0]
    known = ", ".join(parser.media_type for parser in context["view"].get_parsers())
    if not given:
        return _("The header Content-Type is missing; it says one of: %(known)s.") % {"known": known}
    message = _(
        "A body of the type “%(given)s” is not read here. The header Content-Type says one of: %(known)s."
    )
    return message % {"given": given, "known": known}


def problem_response(request: HttpRequest, problem: Problem) -> JsonResponse:
    """A problem as a plain Django response, for views outside of the REST framework."""
    body = problem_body(
        status=problem.status, code=problem.code, title=str(problem.message), errors=_texts(problem.errors)
    )
    return JsonResponse(body, status=problem.status, content_type=PROBLEM_TYPE)


def _answer_in_json(request: Any) -> None:
    """A problem is JSON, also where the answer would have been YAML (the OpenAPI document)."""
    from rest_framework.renderers import JSONRenderer

    if request is not None:
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), JSONRenderer.media_type


def _as_problem(error: Exception) -> Problem | None:
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError):
        faults = error.message_dict if hasattr(error, "error_dict") else {"non_field_errors": error.messages}
        return Invalid(errors=faults)
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return TooLarge()
    if isinstance(error, IntegrityError):
        message = _("Another row stands in the way: it has the same unique value, or refers to this one.")
        return Conflict(message, code="integrity")
    return None


def _from_rest_framework(error: Exception, response: Response) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        errors = response.data if isinstance(response.data, dict) else {"non_field_errors": response.data}
        return problem_body(
            status=400, code="invalid", title=_("Please correct the input and try again."), errors=errors
        )
    if isinstance(error, Http404 | exceptions.NotFound):
        title = _("This does not exist, or it is not yours.")
        return problem_body(status=404, code="not_found", title=title)
    if isinstance(error, PermissionDenied | exceptions.PermissionDenied):
        title = _("Your roles do not allow this. Ask an administrator.")
        return problem_body(status=403, code="forbidden", title=title)
    code = getattr(error, "default_code", "error")
    detail = getattr(error, "detail", _("The request cannot be carried out."))
    return problem_body(status=response.status_code, code=str(code), title=str(detail))


def _texts(errors: dict[str, list[Any]]) -> dict[str, list[str]]:
    return {field: [str(fault) for fault in faults] for field, faults in errors.items()}
