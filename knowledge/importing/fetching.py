"""Reading a web address that a person named, through the one checked way out."""

from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from agi_site.lib import outbound

from ..options import file_bytes
from .reasons import Unreadable

SECONDS = 60.0
# What the way out says of an address, as a reason.
CODES = {
    "private_address": "url_private",
    "timeout": "url_timeout",
    "unreachable": "url_unreachable",
    "unknown_host": "url_unknown",
    "redirects": "url_redirects",
    "bad_answer": "url_bad_answer",
    "bad_url": "bad_address",
    "bad_scheme": "bad_scheme",
    "user_info": "user_info",
    "odd_address": "odd_address",
    "stopped": "stopped",
}


class NotNow(Unreadable):
    """The address does not answer now; it may do so later."""

    retryable = True  # for the queue


def fetch(url: str, stopped: Callable[[], bool]) -> tuple[bytes, str]:
    """(bytes, content type with its charset); raises Unreadable, or NotNow where trying again may help."""
    try:
        answer = outbound.fetch(
            "GET",
            url,
            headers={"accept": "text/html,application/pdf,text/*;q=0.9,*/*;q=0.8"},
            max_bytes=file_bytes(),
            timeout=SECONDS,
            stopped=stopped,
        )
    except outbound.OutboundFailed as failure:
        if failure.code == "too_large":
            raise Unreadable("too_large", most=file_bytes() // 1_000_000) from failure
        passing = failure.code in ("timeout", "unreachable", "unknown_host")
        raise (NotNow if passing else Unreadable)(
            CODES.get(failure.code, "not_fetched"), fault=failure.code
        ) from failure
    except outbound.AddressRefused as refusal:
        raise Unreadable(CODES.get(refusal.code, "not_fetched"), fault=refusal.code) from refusal
    if answer.status != 200:
        passing = answer.status == 429 or answer.status >= 500
        raise (NotNow if passing else Unreadable)("http_status", status=answer.status)
    return answer.body, answer.headers.get("content-type", "")[:100]


def name_of(url: str) -> str:
    """What a document at this address is called until it says so itself."""
    parts = urlsplit(url)
    return PurePosixPath(unquote(parts.path)).name or parts.netloc
