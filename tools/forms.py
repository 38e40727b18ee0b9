"""Forms of the tools' pages: arguments as their schema has them, decisions, rules."""

import json
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Role, User

from .models import PolicyEffect, Tool, ToolParameter, ToolPolicy
from .schemas import default_of
from .services.approvals import LONGEST_NOTE

LONG_TEXT = 200  # text that may be longer than this gets a box of several lines
CODE = frozenset({"code", "command", "content", "script"})
ANY_BOOLEAN = [("", "—"), ("true", gettext_lazy("yes")), ("false", gettext_lazy("no"))]


class JSONText(forms.CharField):
    """A JSON value of one type, written as text."""

    def __init__(self, *, kind: type, **options: Any) -> None:
        super().__init__(
            widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}), **options
        )
        self.kind = kind

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text.strip():
            return None
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(_("This is not JSON. Check quotation marks and brackets.")) from error
        if not isinstance(found, self.kind):
            fault = _("Give a list: [ … ].") if self.kind is list else _("Give an object: { … }.")
            raise forms.ValidationError(fault)
        return found


class LinesField(forms.CharField):
    """A list of plain texts or numbers, one a line."""

    def __init__(self, *, item: str, **options: Any) -> None:
        super().__init__(widget=forms.Textarea(attrs={"rows": 3}), **options)
        self.item = item

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        return [self._item(line) for line in lines] or None

    def _item(self, line: str) -> Any:
        kinds = {"integer": int, "number": float}
        try:
            return kinds[self.item](line) if self.item in kinds else line
        except ValueError as error:
            raise forms.ValidationError(_("“%(line)s” is not a number.") % {"line": line[:50]}) from error


class ArgumentsForm(forms.Form):
    """A field for each parameter of a tool. What is left empty is left out of the call."""

    def __init__(
        self, data: Any = None, *, parameters: Sequence[ToolParameter], given: Any = None, prefix: str = "arg"
    ) -> None:
        super().__init__(data, prefix=prefix)
        given = given if isinstance(given, dict) else {}
        for row in parameters:
            field = field_of(row)
            field.initial = given.get(row.name, default_of(row))
            self.fields[row.name] = field

    def arguments(self) -> dict[str, Any]:
        """The arguments of the call, of a valid form."""
        return {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}


def field_of(row: ToolParameter) -> forms.Field:
    """The form field of a parameter."""
    schema = row.schema if isinstance(row.schema, dict) else {}
    common: dict[str, Any] = {
        "label": row.name.replace("_", " ").capitalize(),
        "help_text": _(row.description) if row.description else "",
        "required": bool(row.required),
    }
    if schema.get("enum"):
        choices = [(value, str(value)) for value in schema["enum"] if isinstance(value, str | int | float)]
        values = {shown: value for value, shown in choices}
        return forms.TypedChoiceField(
            choices=[("", "—"), *choices] if not row.required else choices,
            coerce=values.__getitem__,  # a number stays one
            empty_value=None,
            **common,
        )
    match row.type:
        case "integer":
            return forms.IntegerField(**common, **_bounds(schema))
        case "number":
            return forms.FloatField(**common, **_bounds(schema))
        case "boolean":
            return forms.TypedChoiceField(
                choices=ANY_BOOLEAN, coerce=lambda text: text == "true", empty_value=None, **common
            )
        case "array":
            item = (
                (schema.get("items") or {}).get("type", "") if isinstance(schema.get("items"), dict) else ""
            )
            if item in ("string", "integer", "number"):
                common["help_text"] = f"{common['help_text']} {_('One a line.')}".strip()
                return LinesField(item=item, **common)
            return JSONText(kind=list, **common)
        case "object":
            return JSONText(kind=dict, **common)
    return _text(row, schema, common)


def _text(row: ToolParameter, schema: dict[str, Any], common: dict[str, Any]) -> forms.CharField:
    longest = schema.get("maxLength")
    is_code = row.name in CODE
    if is_code or not isinstance(longest, int) or longest > LONG_TEXT:
        attrs = {"rows": 6 if is_code else 2} | ({"class": "mono", "spellcheck": "false"} if is_code else {})
        widget: forms.Widget = forms.Textarea(attrs=attrs)
    else:
        widget = forms.TextInput()
    return forms.CharField(
        widget=widget, strip=False, max_length=longest if isinstance(longest, int) else None, **common
    )


def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
    names = {"min_value": "minimum", "max_value": "maximum"}
    return {
        ours: schema[theirs] for ours, theirs in names.items() if isinstance(schema.get(theirs), int | float)
    }


class NoteForm(forms.Form):
    """Why, if one likes."""

    note = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_NOTE,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class DelegateForm(forms.Form):
    """Who is to decide instead."""

    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=150,
        help_text=gettext_lazy("This person alone decides then."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )

    def clean_username(self) -> User:
        name = User.normalize_username(self.cleaned_data["username"])
        found = User.objects.filter(username=name, is_active=True).first()
        if found is None:
            raise forms.ValidationError(_("There is nobody of this name whose account is open."))
        return found


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """One rule of the policy."""

    tool = forms.ModelChoiceField(
        label=gettext_lazy("Tool"), queryset=Tool.objects.order_by("name"), required=False, empty_label="—"
    )
    category = forms.ChoiceField(label=gettext_lazy("Category"), required=False)
    role = forms.ModelChoiceField(
        label=gettext_lazy("Role"),
        queryset=Role.objects.order_by("name"),
        required=False,
        empty_label=gettext_lazy("Everyone"),
    )

    class Meta:
        model = ToolPolicy
        fields = [
            "tool",
            "category",
            "role",
            "effect",
            "approver",
            "unattended",
            "expires_seconds",
            "exec_env",
            "reason",
        ]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        found = Tool.objects.exclude(category=None).order_by("category").values_list("category", flat=True)
        self.fields["category"].choices = [("", "—"), *((name, name) for name in found.distinct()[:200])]
        self.fields["unattended"].choices = PolicyEffect.choices
        self.fields["tool"].help_text = _("Neither tool nor category: the rule speaks of every tool.")

    def _post_clean(self) -> None:
        """The service checks the rule as a whole; a form must not change the instance before that."""


class ExplainForm(forms.Form):
    """Whose access to which tool is to be explained."""

    tool = forms.ModelChoiceField(
        label=gettext_lazy("Tool"),
        queryset=Tool.objects.order_by("name"),
        to_field_name="name",
    )
    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=150,
        required=False,
        help_text=gettext_lazy("Empty: you."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
