"""OpenAPI documents (3.0 and 3.1, JSON or YAML) as tools: one for each operation."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from django.utils.translation import gettext as _

from agi_site.lib.plain_json import repaired
from agi_site.lib.problems import Invalid

from .drafts import (
    LONGEST_DESCRIPTION,
    ParameterDraft,
    ToolDraft,
    inlined,
    parameter,
    parameters_of,
    resolved,
)

LARGEST_DOCUMENT = 5_000_000
MOST_VALUES = 500_000
MOST_OPERATIONS = 500
METHODS = ("get", "post", "put", "patch", "delete")
PLACES = ("path", "query", "header")
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
# Headers that are the program's own business.
_OWN_HEADERS = {"accept", "content-type", "authorization", "host", "content-length", "cookie"}


def parse(text: str) -> dict[str, Any]:
    """The document behind a text; raises Invalid, naming what is wrong with it."""
    if len(text) > LARGEST_DOCUMENT:
        raise _invalid(_("The document is larger than %(most)d characters.") % {"most": LARGEST_DOCUMENT})
    try:
        found = json.loads(text) if text.lstrip()[:1] in ("{", "[") else _yaml(text)
    except (ValueError, RecursionError) as error:
        raise _invalid(_("This is neither JSON nor YAML: %(error)s") % {"error": str(error)[:200]}) from error
    check(found)
    document: dict[str, Any] = found
    return document


def check(document: Any) -> None:
    """Raise Invalid where it is no OpenAPI document of a version that is understood."""
    if not isinstance(document, dict):
        raise _invalid(_("This is no OpenAPI document: it is not an object."))
    version = document.get("openapi")
    if "swagger" in document and version is None:
        raise _invalid(_("This is Swagger 2. Convert it to OpenAPI 3 first."))
    if not isinstance(version, str) or not version.startswith(("3.0", "3.1")):
        raise _invalid(_("Only OpenAPI 3.0 and 3.1 are understood."))
    if not isinstance(document.get("paths"), dict):
        raise _invalid(_("The document has no paths."))


def operations(document: dict[str, Any]) -> Iterator[ToolDraft]:
    """A draft for each operation that can be called with JSON or a form."""
    counted = 0
    for path, named in document["paths"].items():
        item = _followed(named, document)
        if not isinstance(item, dict):
            continue
        for method in METHODS:
            operation = item.get(method)
            draft = (
                _draft(document, str(path), method, item, operation) if isinstance(operation, dict) else None
            )
            if draft is not None:
                yield draft
                counted += 1
            if counted >= MOST_OPERATIONS:
                return


def server_of(document: dict[str, Any], *, given: str, read_from: str) -> str:
    """Where calls go: what the operator gave, else the document's first server. Raises Invalid."""
    servers = document.get("servers")
    first = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], dict) else {}
    named = str(first.get("url") or "/")
    for name, about in (first.get("variables") or {}).items():
        if isinstance(about, dict):
            named = named.replace("{" + str(name) + "}", str(about.get("default", "")))
    server = given or urljoin(read_from, named)
    if not server.startswith(("http://", "https://")):
        raise _invalid(_("The document names no server. Give the address of the API."), field="url")
    return server.rstrip("/")


def _draft(
    document: dict[str, Any], path: str, method: str, item: dict[str, Any], operation: dict[str, Any]
) -> ToolDraft | None:
    found, places = _parameters(document, item, operation)
    body = _body(document, operation, {place["argument"].lower() for place in places})
    if found is None or body is None:
        return None
    more, about_body = body
    summary, text = str(operation.get("summary") or ""), str(operation.get("description") or "")
    said = "\n\n".join(filter(None, (summary, text))) or f"{method.upper()} {path}"
    return ToolDraft(
        remote_name=str(operation.get("operationId") or f"{method}_{path}")[:200],
        description=repaired(said)[:LONGEST_DESCRIPTION],
        parameters=(*found, *more),
        details={"method": method.upper(), "path": path, "places": places, "body": about_body},
        retry_safe=method == "get",
    )


def _parameters(
    document: dict[str, Any], item: dict[str, Any], operation: dict[str, Any]
) -> tuple[list[ParameterDraft] | None, list[dict[str, Any]]]:
    """The arguments of path, query and headers, and where each goes; None where one cannot be given."""
    given: dict[tuple[str, str], dict[str, Any]] = {}
    for raw in [*_list(item.get("parameters")), *_list(operation.get("parameters"))]:
        about = _followed(raw, document)
        if isinstance(about, dict) and about.get("name"):
            given[str(about["name"]), str(about.get("in"))] = about
    drafts: list[ParameterDraft] = []
    places: list[dict[str, Any]] = []
    names: set[str] = set()
    for (name, place), about in given.items():
        if place == "header" and name.lower() in _OWN_HEADERS:
            continue
        if place not in PLACES or "content" in about or len(name) > 90:
            if about.get("required"):
                return None, []
            continue
        argument = name if name.lower() not in names else f"{place}_{name}"
        names.add(argument.lower())
        schema = inlined(about.get("schema") or {}, document)
        required = bool(about.get("required")) or place == "path"
        drafts.append(
            parameter(
                argument, schema, required=required, description=repaired(str(about.get("description") or ""))
            )
        )
        exploded = about.get("explode", place == "query")
        places.append({"argument": argument, "name": name, "in": place, "explode": bool(exploded)})
    return drafts, places


def _body(
    document: dict[str, Any], operation: dict[str, Any], names: set[str]
) -> tuple[tuple[ParameterDraft, ...], dict[str, Any] | None] | None:
    """The arguments of the body: its properties one by one where that is clear, else one called `body`."""
    about = _followed(operation.get("requestBody"), document)
    if not isinstance(about, dict) or not isinstance(about.get("content"), dict):
        return (), None
    contents = {
        str(kind).partition(";")[0].strip().lower(): entry for kind, entry in about["content"].items()
    }
    kind = next((kind for kind in contents if kind == JSON or kind.endswith("+json")), FORM)
    if kind not in contents or not isinstance(contents[kind], dict):
        return None if about.get("required") else ((), None)
    schema = inlined(contents[kind].get("schema") or {}, document)
    required = bool(about.get("required"))
    properties: Any = schema.get("properties") if isinstance(schema, dict) else None
    plain = isinstance(properties, dict) and properties and not {"allOf", "oneOf", "anyOf"} & set(schema)
    writable = (
        {n: p for n, p in properties.items() if not (isinstance(p, dict) and p.get("readOnly"))}
        if plain
        else {}
    )
    if plain and not names & {str(name).lower() for name in writable}:
        asked = [name for name in _list(schema.get("required")) if name in writable] if required else []
        drafts = parameters_of({"properties": writable, "required": asked}, document)
        return drafts, {"type": kind, "arguments": [draft.name for draft in drafts]}
    whole = "body" if "body" not in names else "request_body"
    return (parameter(whole, schema, required=required),), {"type": kind, "argument": whole}


def _followed(value: Any, document: dict[str, Any]) -> Any:
    """What a reference stands for, or the value itself."""
    for _step in range(10):
        if not (isinstance(value, dict) and isinstance(value.get("$ref"), str)):
            break
        value = resolved(value["$ref"], document)
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _yaml(text: str) -> Any:
    """YAML's plain values; a document whose aliases multiply it is refused before it is walked."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found = yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    waiting, counted = [found], 0
    while waiting:
        one = waiting.pop()
        counted += 1
        if counted > MOST_VALUES:
            raise ValueError(_("too many values"))
        waiting += list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else []
    # dates and the like become text, keys too, as JSON has them
    return json.loads(json.dumps(found, default=str))


def _invalid(fault: str, *, field: str = "document") -> Invalid:
    return Invalid(fault, code="bad_document", errors={field: [fault]})
