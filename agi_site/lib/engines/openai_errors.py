"""Turns the `openai` client's exceptions into EngineError: what happened, and what a person can do about
it.
"""

from __future__ import annotations

from typing import Any

import httpx2
import openai
from django.utils.translation import gettext_lazy as _

from agi_site.lib.engines.base import EngineError

_CONTEXT_SIGNS = (
    "context_length",
    "context length",
    "context size",
    "exceed_context",
    "maximum context",
    "context window",
    "too many tokens",
    "prompt is too long",
)

# How servers say that they take no pictures; some of them do so with a status of their own fault.
_PICTURE_SIGNS = ("image", "vision", "multimodal", "mmproj", "content part")

UNREACHABLE = _("The model server cannot be reached. Check that it runs and that CHAT_BASE_URL is right.")
TIMEOUT = _("The model server did not answer in time. Try again, or raise CHAT_TIMEOUT for a slow model.")
AUTH = _("The model server refused the key. Check CHAT_API_KEY.")
RATE_LIMITED = _("The model server is busy or the quota is used up. Wait a moment and try again.")
CONTEXT = _(
    "The conversation is longer than the model can read. Start a new conversation or send a shorter message."
)
NOT_FOUND = _("The model server does not know this model. Check CHAT_MODEL and CHAT_BASE_URL.")
BAD_REQUEST = _("The model server refused the request. Check that CHAT_MODEL supports chat.")
PICTURES = _(
    "The model server refused a request with pictures. Send the message without them, or have a model chosen "
    "that sees (CHAT_MODEL) or pictures switched off (CHAT_VISION=off): answers then go by the words alone."
)
BROKEN = _("The connection to the model broke in the middle of the answer. Ask it to write the answer again.")
SERVER = _("The model server failed. Try again; if it goes on, look at the server's own log.")


def engine_error(error: Exception, *, pictures: bool = False) -> EngineError:
    """The EngineError that says the same as `error`; it repeats nothing of the request or the answer.

    `pictures`: whether the request had some, which may be what the server did not like.
    """
    if isinstance(error, EngineError):
        return error
    if pictures and _refuses_pictures(error):
        return EngineError("bad_request", PICTURES)
    if isinstance(error, (openai.APITimeoutError, httpx2.TimeoutException)):
        return EngineError("timeout", TIMEOUT, retryable=True)
    if isinstance(error, (openai.APIConnectionError, httpx2.TransportError)):
        return EngineError("unreachable", UNREACHABLE, retryable=True)
    if isinstance(error, openai.APIStatusError):
        return _status_error(error)
    if is_context_error(error):
        return EngineError("context_length", CONTEXT)
    return EngineError("server", SERVER, retryable=isinstance(error, openai.APIError))


def _refuses_pictures(error: Exception) -> bool:
    """Whether a server may have refused pictures: it says so, or finds the request a bad one."""
    if is_context_error(error):
        return False
    status = getattr(error, "status_code", None)
    said = any(sign in error_text(error) for sign in _PICTURE_SIGNS)
    return status in (400, 413, 415, 422) or (said and (status is None or status == 404 or status >= 500))


def _status_error(error: openai.APIStatusError) -> EngineError:
    status = error.status_code
    if status in (401, 403):
        return EngineError("auth", AUTH)
    if status == 429:
        return EngineError("rate_limited", RATE_LIMITED, retryable=True)
    if status in (408, 504):
        return EngineError("timeout", TIMEOUT, retryable=True)
    if is_context_error(error) or status == 413:
        return EngineError("context_length", CONTEXT)
    if status == 404:
        return EngineError("bad_request", NOT_FOUND)
    if status < 500:
        return EngineError("bad_request", BAD_REQUEST)
    return EngineError("server", SERVER, retryable=True)


def is_context_error(error: Exception) -> bool:
    """Whether a server's refusal means that the prompt is too long (servers disagree on the code they
    use).
    """
    text = error_text(error)
    return any(sign in text for sign in _CONTEXT_SIGNS)


def error_text(error: Exception) -> str:
    """The server's own words, lower case, for matching only: they may quote the request and must not be
    shown.
    """
    body: Any = getattr(error, "body", None)
    return f"{getattr(error, 'message', error)} {body if body is not None else ''}".lower()
