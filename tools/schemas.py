"""From parameter rows to the JSON Schema that models see, and the check of every call against it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from agi_site.lib.problems import Conflict, Invalid

from .models import ToolParameter
from .registry import Parameter

_MAX_FAULTS = 20
type Path = tuple[str | int, ...]


def json_schema(parameters: Iterable[ToolParameter]) -> dict[str, Any]:
    """The JSON Schema (2020-12) object of a tool's arguments."""
    rows = list(parameters)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {row.name: _property(row) for row in rows},
        "additionalProperties": False,
    }
    required = [row.name for row in rows if row.required]
    return schema | ({"required": required} if required else {})


class Arguments:
    """The check of a tool's arguments, made once for any number of calls."""

    def __init__(self, parameters: Sequence[ToolParameter]) -> None:
        schema = json_schema(parameters)
        self._validator = Draft202012Validator(schema)
        self._texts = {name for name, rule in schema["properties"].items() if rule.get("type") == "string"}
        self._defaults = {row.name: default_of(row) for row in parameters if row.default_value is not None}

    def with_texts(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with numbers and truth values as text where a text is wanted."""
        plain = {name: arguments[name] for name in self._texts & arguments.keys()}
        texts = {name: json.dumps(value) for name, value in plain.items() if isinstance(value, int | float)}
        return arguments | texts

    def checked(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with defaults filled in; raises Invalid with the faults of each parameter by name."""
        faults: dict[str, list[str]] = {}
        for path, fault in _faults(self._validator, arguments):
            faults.setdefault(str(path[0])[:100], []).append(inside(path[1:], fault))
        if faults:
            message = _("The arguments do not fit the tool: %(names)s.")
            raise Invalid(message % {"names": ", ".join(sorted(faults))}, code="bad_arguments", errors=faults)
        return self._defaults | arguments


def faults_of(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """Where the arguments do not fit, and what to do about it, once each; Conflict for a broken schema."""
    return _faults(Draft202012Validator(schema), arguments)


def _faults(validator: Draft202012Validator, arguments: Mapping[str, Any]) -> list[tuple[Path, str]]:
    try:
        errors = list(islice(validator.iter_errors(arguments), _MAX_FAULTS))
    except Exception as error:  # a broken rule fails in whatever way its keyword is read
        message = _("The tool's own description of its arguments is broken. Tell an operator.")
        raise Conflict(message, code="bad_tool_schema") from error
    # each missing argument is an error that lists all of them
    return list(dict.fromkeys(found for error in errors for found in _placed(error)))


def checked(parameters: Sequence[ToolParameter], arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with defaults filled in; raises Invalid with the faults of each parameter by name."""
    return Arguments(parameters).checked(arguments)


def default_of(row: ToolParameter) -> Any:
    """The default as a JSON value: text as it stands, everything else as JSON."""
    if row.default_value is None or row.type in ("string", "enum"):
        return row.default_value
    try:
        return json.loads(row.default_value)
    except ValueError:
        return None


def row_values(parameter: Parameter) -> dict[str, Any]:
    """The columns of a registered parameter's row."""
    default = parameter.default
    as_text = default if default is None or isinstance(default, str) else json.dumps(default)
    extra = dict(parameter.schema) | ({"enum": list(parameter.enum)} if parameter.enum else {})
    return {
        "description": str(parameter.description),
        "type": parameter.type,
        "required": parameter.required,
        "default_value": as_text,
        "schema": extra or None,
    }


def _property(row: ToolParameter) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "string" if row.type == "enum" else row.type}
    if row.description:
        found["description"] = row.description
    if isinstance(row.schema, dict):
        found |= row.schema
    if row.default_value is not None:
        found["default"] = default_of(row)
    return found


def inside(path: Path, fault: str) -> str:
    """A fault within a value, with its place in it: `[2].key: …`."""
    place = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path)
    return f"{place.removeprefix('.')[:100]}: {fault}" if place else fault


def _placed(error: ValidationError) -> list[tuple[Path, str]]:
    """The places an error is about, each with what to do about it."""
    path = tuple(error.absolute_path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return [((*path, name), _("This argument is required.")) for name in missing]
    if error.validator == "additionalProperties" and error.validator_value is False:
        known = error.schema.get("properties", {})
        fault = _("There is no such argument. Known: %(known)s.") % {"known": ", ".join(known) or "–"}
        return [((*path, name), fault) for name in error.instance if name not in known]
    return [(path or ("arguments",), _fault(error))]


def _fault(error: ValidationError) -> str:
    messages = {
        "type": _("Must be of type %(value)s."),
        "enum": _("Must be one of: %(value)s."),
        "minimum": _("Must be at least %(value)s."),
        "maximum": _("Must be at most %(value)s."),
        "minLength": _("Must have at least %(value)s characters."),
        "maxLength": _("Must have at most %(value)s characters."),
        "minItems": _("Must have at least %(value)s entries."),
        "maxItems": _("Must have at most %(value)s entries."),
    }
    value = error.validator_value
    shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    other = _("Does not keep the rule “%(rule)s” (%(value)s).")
    return messages.get(str(error.validator), other) % {"value": shown[:200], "rule": error.validator}
