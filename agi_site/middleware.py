"""Middleware of the roof: every request has an id, which the log and error answers carry."""

from collections.abc import Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from agi_site.lib.ids import uuid7
from agi_site.lib.request_context import current_request

Handler = Callable[[HttpRequest], HttpResponse]


@sync_and_async_middleware
def request_id(get_response: Handler) -> Handler:
    """Give each request an id and send it back as `X-Request-ID`."""
    if iscoroutinefunction(get_response):

        async def async_middleware(request: HttpRequest) -> HttpResponse:
            request.id = uuid7()
            token = current_request.set(request)
            response = await get_response(request)
            current_request.reset(token)
            response.headers["X-Request-ID"] = request.id
            return response

        return markcoroutinefunction(async_middleware)

    def middleware(request: HttpRequest) -> HttpResponse:
        request.id = uuid7()
        token = current_request.set(request)
        response = get_response(request)
        current_request.reset(token)
        response.headers["X-Request-ID"] = request.id
        return response

    return middleware
