"""Form fields for the values of a JSON Schema, each with how it shows a value and reads it again."""

import json
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from agi_site.lib.form_fields import TextField

LONG_TEXT = 200  # text that may be longer than this gets a box of several lines
CODE = frozenset({"code", "command", "content", "script"})
CODE_BOX = {"class": "mono", "spellcheck": "false", "autocapitalize": "off", "autocomplete": "off"}
BOOLEANS = [("true", gettext_lazy("yes")), ("false", gettext_lazy("no"))]
SCALARS = {"string": str, "integer": int, "number": int | float, "boolean": bool}


class NumberField(forms.FloatField):
    """A number; one without a fraction stays whole."""

    def to_python(self, value: Any) -> float | int | None:
        found = super().to_python(value)
        return int(found) if found is not None and found.is_integer() and "e" not in str(found) else found


class JSONText(TextField):
    """A JSON value written as text; of `kind` where only one will do."""

    def __init__(self, *, kind: type = object, **options: Any) -> None:
        widget = forms.Textarea(attrs={"rows": 4, **CODE_BOX})
        super().__init__(widget=widget, **options)
        self.kind = kind

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text.strip():
            return None
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            message = _("This is not JSON: look at line %(line)d, character %(column)d.")
            raise forms.ValidationError(message % {"line": error.lineno, "column": error.colno}) from error
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("This is not JSON. Check quotation marks and brackets.")) from error
        if not isinstance(found, self.kind):
            fault = _("Give a list: [ … ].") if self.kind is list else _("Give an object: { … }.")
            raise forms.ValidationError(fault)
        return found


class LinesField(TextField):
    """A list of plain texts or numbers, one a line."""

    def __init__(self, *, item: str, **options: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3}), **options)
        self.item = item

    def clean(self, value: Any) -> Any:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        return [self._item(line) for line in lines] or None

    def _item(self, line: str) -> Any:
        kinds: dict[str, Callable[[str], Any]] = {"integer": int, "number": _number}
        try:
            return kinds[self.item](line) if self.item in kinds else line
        except ValueError as error:
            raise forms.ValidationError(_("“%(line)s” is not a number.") % {"line": line[:50]}) from error


def _number(text: str) -> Any:
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return int(text) if text.lstrip("+-").isdecimal() else number


def simple(schema: Any) -> dict[str, Any]:
    """The schema of a value that may also be null or left out, without that."""
    if not isinstance(schema, Mapping):
        return {}
    found = dict(schema)
    for name in ("anyOf", "oneOf"):
        options = found.get(name)
        if isinstance(options, list):
            other = [one for one in options if isinstance(one, Mapping) and one.get("type") != "null"]
            if len(other) != 1:
                return {}
            found = {**{key: value for key, value in found.items() if key != name}, **other[0]}
    if isinstance(kinds := found.get("type"), list):
        other = [kind for kind in kinds if kind != "null"]
        found["type"] = other[0] if len(other) == 1 else None
    return found


def choices_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an enum by how they are shown; {} where it is none, or not of simple values."""
    listed = schema.get("enum")
    if not isinstance(listed, list) or not all(isinstance(one, str | int | float) for one in listed):
        return {}
    found = {one if isinstance(one, str) else json.dumps(one): one for one in listed}
    return found if len(found) == len(listed) else {}


def field_for(name: str, schema: Mapping[str, Any], *, value: Any, **common: Any) -> forms.Field:
    """A field for a value of this schema, showing `value` (None: nothing); JSON where no other fits both."""
    if choices := choices_of(schema):
        if value is None or value in list(choices.values()):
            return _choice(choices, value, common)
        return _json(object, value, common)
    kind = schema.get("type")
    if kind == "array":
        return _list(simple(schema.get("items")), value, common)
    if kind not in SCALARS:
        return _json(dict if kind == "object" else object, value, common)
    is_other = not isinstance(value, SCALARS[kind]) or (kind != "boolean" and isinstance(value, bool))
    if value is not None and is_other:
        return _json(object, value, common)
    if kind == "string":
        return _text(name, schema, value, common)
    if kind == "boolean":
        shown = None if value is None else json.dumps(value)
        return _choice({"true": True, "false": False}, shown, common, labels=dict(BOOLEANS))
    number = forms.IntegerField if kind == "integer" else NumberField
    return number(initial=value, **common, **_bounds(schema))


def _choice(
    choices: Mapping[str, Any], value: Any, common: Mapping[str, Any], labels: Mapping[str, Any] | None = None
) -> forms.Field:
    listed = [(shown, (labels or {}).get(shown, shown)) for shown in choices]
    empty = [] if common["required"] and value is not None else [("", "—")]
    shown = value if isinstance(value, str) or value is None else json.dumps(value)
    return forms.TypedChoiceField(
        choices=[*empty, *listed],
        coerce=choices.__getitem__,  # a number stays one
        empty_value=None,
        initial=shown,
        **common,
    )


def _list(items: Mapping[str, Any], value: Any, common: dict[str, Any]) -> forms.Field:
    if value is not None and not isinstance(value, list):
        return _json(object, value, common)
    choices = choices_of(items)
    if choices and all(one in list(choices.values()) for one in value or ()):
        shown = [key for key, one in choices.items() if one in (value or ())]
        if value is None or [choices[key] for key in shown] == value:
            return forms.TypedMultipleChoiceField(
                choices=[(key, key) for key in choices],
                coerce=choices.__getitem__,
                empty_value=None,
                widget=forms.CheckboxSelectMultiple,
                initial=shown,
                **common,
            )
    item = items.get("type")
    if choices or item not in ("string", "integer", "number") or not all(map(_fits_line(item), value or ())):
        return _json(list, value, common)
    common["help_text"] = f"{common['help_text']} {_('One a line.')}".strip()
    return LinesField(item=item, initial=None if value is None else "\n".join(map(str, value)), **common)


def _fits_line(kind: str) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, SCALARS[kind]):
            return False
        return not isinstance(value, str) or (bool(value.strip()) and value.splitlines() == [value.strip()])

    return fits


def _text(name: str, schema: Mapping[str, Any], value: Any, common: dict[str, Any]) -> forms.Field:
    longest = schema.get("maxLength")
    longest = longest if isinstance(longest, int) else None
    is_code = name in CODE
    if is_code or longest is None or longest > LONG_TEXT or "\n" in (value or ""):
        attrs = {"rows": 6 if is_code else 2} | (CODE_BOX if is_code else {})
        widget: forms.Widget = forms.Textarea(attrs=attrs)
    else:
        widget = forms.TextInput()
    return TextField(widget=widget, strip=False, max_length=longest, initial=value, **common)


def _json(kind: type, value: Any, common: dict[str, Any]) -> forms.Field:
    shown = None if value is None else json.dumps(value, ensure_ascii=False, indent=2)
    kind = kind if value is None or isinstance(value, kind) else object
    return JSONText(kind=kind, initial=shown, **common)


def _bounds(schema: Mapping[str, Any]) -> dict[str, Any]:
    names = {"min_value": "minimum", "max_value": "maximum"}
    return {
        ours: schema[theirs] for ours, theirs in names.items() if isinstance(schema.get(theirs), int | float)
    }
