"""One call of an API by its OpenAPI operation."""

import json
from typing import Any
from urllib.parse import quote, urlencode

from django.utils.translation import gettext as _

from agi_site.lib import outbound
from agi_site.lib.plain_json import repaired
from tools.models import ToolSource
from tools.registry import ToolContext, ToolFailure

LARGEST_ANSWER = 5_000_000
SHOWN_OF_ERRORS = 1000


def call_operation(
    call: ToolContext, source: ToolSource, details: dict[str, Any], arguments: dict[str, Any]
) -> dict[str, Any]:
    """`{"status", "body"}`; an answer of 400 or more is a failure that shows its beginning."""
    url, headers = _request(source, details, arguments)
    content, kind = _content(details.get("body"), arguments)
    if kind:
        headers["content-type"] = kind
    answer = outbound.fetch(
        details["method"],
        url,
        headers=headers,
        content=content,
        max_bytes=LARGEST_ANSWER,
        timeout=max(1.0, call.remaining() - 1),
        max_redirects=3 if details["method"] == "GET" else 0,
        stopped=call.cancelled,
    )
    if answer.status >= 400:
        message = _("The API answers %(status)d: %(text)s")
        text = repaired(answer.text)[:SHOWN_OF_ERRORS]
        raise ToolFailure(
            message % {"status": answer.status, "text": text}, passing=answer.status in (429, 502, 503)
        )
    return {"status": answer.status, "body": _body(answer)}


def _request(
    source: ToolSource, details: dict[str, Any], arguments: dict[str, Any]
) -> tuple[str, dict[str, str]]:
    path, query, headers = details["path"], [], {"accept": "application/json, text/*;q=0.8"}
    for place in details["places"]:
        if place["argument"] not in arguments or arguments[place["argument"]] is None:
            continue
        value, name = arguments[place["argument"]], place["name"]
        if place["in"] == "path":
            path = path.replace("{" + name + "}", _segment(value))
        elif place["in"] == "header":
            headers[name] = _line(_text(value))
        else:
            query += _pairs(name, value, explode=place["explode"])
    for name, value in (source.secrets or {}).items():
        if name.startswith("?"):
            query.append((name[1:], str(value)))
        else:
            headers[name] = _line(str(value))
    server = details["server"]
    return f"{server}{path}" + (f"?{urlencode(query)}" if query else ""), headers


def _segment(value: Any) -> str:
    """A piece of the path that stays one piece, and that no server takes for a way up."""
    text = _text(value)
    if text in ("", ".", ".."):
        raise ToolFailure(_("“%(value)s” cannot stand in an address.") % {"value": text})
    return quote(text, safe="")


def _pairs(name: str, value: Any, *, explode: bool) -> list[tuple[str, str]]:
    if isinstance(value, list):
        return [(name, _text(one)) for one in value] if explode else [(name, ",".join(map(_text, value)))]
    if isinstance(value, dict) and explode:
        return [(str(key), _text(one)) for key, one in value.items()]
    return [(name, _text(value))]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return json.dumps(value, ensure_ascii=False)


def _line(value: str) -> str:
    """A header's value: one line of visible ASCII."""
    if not value.isascii() or any(letter < " " and letter != "\t" for letter in value):
        raise ToolFailure(_("A header can hold one line of ASCII text only."))
    return value


def _content(body: dict[str, Any] | None, arguments: dict[str, Any]) -> tuple[bytes | None, str]:
    if body is None:
        return None, ""
    if "argument" in body:
        if body["argument"] not in arguments:
            return None, ""
        value = arguments[body["argument"]]
    else:
        value = {name: arguments[name] for name in body["arguments"] if name in arguments}
    if "json" in body["type"]:
        return json.dumps(value, ensure_ascii=False).encode(), body["type"]
    pairs = [pair for name, one in value.items() for pair in _pairs(name, one, explode=True)]
    return urlencode(pairs).encode(), body["type"]


def _body(answer: outbound.Answer) -> Any:
    if answer.media_type == "application/json" or answer.media_type.endswith("+json"):
        try:
            return json.loads(answer.body)
        except ValueError:
            pass
    if (
        answer.media_type.startswith("text/")
        or not answer.body
        or answer.media_type.endswith(("xml", "json"))
    ):
        return repaired(answer.text)
    return {"media_type": answer.media_type, "size_bytes": len(answer.body)}
