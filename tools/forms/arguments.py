"""The form of a call's arguments, made from their JSON Schema: to try a tool, or to agree with others."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django import forms
from django.utils.html import escape
from django.utils.translation import gettext as _

from agi_site.lib.problems import Problem

from ..schemas import Path, faults_of, inside
from .fields import field_for, simple

MOST_PARTS = 12  # an object of more properties is shown as JSON
_NOTHING = object()


class ArgumentsForm(forms.Form):
    """A field for each argument; an object of simple values has one for each of them.

    What nobody changed stays as it was `given`, whatever a field can show of it. What is left empty is left
    out. What the schema refuses is told at its field. Without one the values given say what fields there
    are.
    """

    def __init__(
        self, data: Any = None, *, schema: Mapping[str, Any] | None, given: Any = None, prefix: str = "arg"
    ) -> None:
        super().__init__(data, prefix=prefix)
        self.rules = schema
        schema = schema_of(given or {}) if schema is None else schema
        self.names = set(schema.get("properties", {}))
        self.given: dict[str, Any] = given if isinstance(given, dict) else {}
        self.paths: dict[str, Path] = {}
        required = schema.get("required", ())
        for name, rule in schema.get("properties", {}).items():
            self._add((name,), rule, required=name in required, value=self._before((name,), rule))

    def _add(self, path: Path, rule: Any, *, required: bool, value: Any) -> None:
        parts = _parts_of(rule, value) if len(path) == 1 else {}
        for name, part in parts.items():
            inner = required and name in simple(rule).get("required", ())
            self._add((*path, name), part, required=inner, value=self._before((*path, name), part))
        name = ".".join(map(str, path))
        if parts or name in self.fields:
            return
        said = rule.get("description") if isinstance(rule, Mapping) else None
        self.paths[name] = path
        self.fields[name] = field_for(
            str(path[-1]),
            simple(rule),
            value=value,
            label=" · ".join(str(part).replace("_", " ").capitalize() for part in path),
            # written by whoever made the tool, and shown as it stands by the field's template
            help_text=escape(_(said)) if isinstance(said, str) and said else "",
            required=required and value != "",
        )

    def _before(self, path: Path, rule: Any) -> Any:
        """What is given at a place, or else usual there."""
        found = _at(self.given, path)
        if found is not _NOTHING:
            return found
        return rule.get("default") if isinstance(rule, Mapping) else None

    def clean(self) -> dict[str, Any]:
        """Checks the whole once each field is readable."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and self.rules is not None:
            with suppress(Problem):  # a broken schema: who runs the tool is told so
                for path, fault in faults_of(self.rules, self.arguments()):
                    self._tell(path, fault)
        return cleaned

    def _tell(self, path: Path, fault: str) -> None:
        """Show a fault at the field that holds its place, and where in there."""
        names = [".".join(map(str, path[:length])) for length in range(len(path), 0, -1)]
        name = next((name for name in names if name in self.fields), None)
        self.add_error(name, inside(path[len(self.paths[name]) :] if name else path, fault))

    def arguments(self) -> dict[str, Any]:
        """The arguments of the call, of a valid form."""
        found: dict[str, Any] = {}
        for name, path in self.paths.items():
            before = _at(self.given, path)
            value = self.cleaned_data.get(name)
            if before is not _NOTHING and name not in self.changed_data:
                value = before
            elif value in ("", None, []):
                continue
            place = found
            for part in path[:-1]:
                place = place.setdefault(str(part), {})
            place[str(path[-1])] = value
        for name, value in self.given.items():  # an object none of whose parts is set
            if value == {} and name in self.names:
                found.setdefault(name, {})
        return found


def _parts_of(rule: Any, value: Any) -> dict[str, Any]:
    """The properties of an object that has a field for each; {} where it is shown whole."""
    rule = simple(rule)
    parts = rule.get("properties")
    if rule.get("type") != "object" or not isinstance(parts, dict) or not 0 < len(parts) <= MOST_PARTS:
        return {}
    if value is not None and not (isinstance(value, dict) and value.keys() <= parts.keys()):
        return {}
    kinds = [simple(part) for part in parts.values()]
    return parts if all(kind.get("type") not in (None, "object") or "enum" in kind for kind in kinds) else {}


def _at(value: Any, path: Path) -> Any:
    for part in path:
        if not isinstance(value, dict) or part not in value:
            return _NOTHING
        value = value[part]
    return value


def schema_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that says of each value what it is now: for the arguments of what has no schema of its own."""
    return {"type": "object", "properties": {name: _kind_of(value) for name, value in values.items()}}


def _kind_of(value: Any) -> dict[str, Any]:
    kinds = {bool: "boolean", int: "number", float: "number", str: "string"}
    if type(value) in kinds:
        return {"type": kinds[type(value)]}
    if isinstance(value, list):
        items = [_kind_of(one) for one in value]
        same = items[:1] * len(items) == items
        return {"type": "array", "items": items[0] if items and same else {}}
    if isinstance(value, dict) and value:
        return schema_of(value)
    return {}
