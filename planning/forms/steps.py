"""The form of one step; a tool's arguments get a field each, made from the tool's JSON Schema."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.html import escape, format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from agi_site.lib.form_fields import TextField
from tools import schemas
from tools.models import Tool

from ..models import OnFailure, Plan, StepKind
from ..services.checking import MOST
from ..services.drafts import StepDraft
from ..services.mentions import has_reference

CODE = {"class": "mono", "spellcheck": "false", "autocomplete": "off", "autocapitalize": "off"}
MOST_CHECKBOXES = 40
LONG_TEXTS = ("code", "command", "content", "prompt", "text", "script", "query_text", "body")


class StepForm(forms.Form):
    """A step of a kind. `tool` is the one whose arguments it asks for, `others` those it may wait for."""

    description = forms.CharField(
        label=_("What it does"),
        max_length=10_000,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    key = forms.CharField(
        label=_("Key"),
        max_length=50,
        required=False,
        widget=forms.TextInput(attrs=CODE),
        help_text=_("Other steps refer to it by this: letters, digits and _."),
    )

    def __init__(
        self,
        *args: Any,
        kind: str,
        owner: Any,
        others: Sequence[StepDraft],
        draft: StepDraft | None = None,
        tool: Tool | None = None,
        plan: Plan | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.tool, self.others, self.draft = kind, tool, others, draft
        old = draft or StepDraft(key="")
        self.initial.update({"description": old.description, "key": old.key})
        same = old.kind == kind and (kind != StepKind.TOOL or (tool and old.tool_name == tool.name))
        self.arguments = dict(old.arguments or {}) if same else {}
        if kind == StepKind.TOOL:
            self._add_tool_fields(old)
        elif kind == StepKind.PLAN:
            self._add_plan_fields(old, owner, plan)
        else:
            self._add_kind_fields()
        self._add_dependencies(old)
        self._add_rest(old)

    # --- Fields -----------------------------------------------------------------------------------------
    def _add_tool_fields(self, old: StepDraft) -> None:
        rows = Tool.objects.filter(enabled=True).order_by("name").values_list("name", flat=True)
        names = list(dict.fromkeys([*rows, *([old.tool_name] if old.tool_name else [])]))
        self.fields["tool_name"] = forms.ChoiceField(
            label=_("Tool"),
            choices=[("", "–"), *((name, name) for name in names)],
            initial=self.tool.name if self.tool else old.tool_name,
        )
        if self.tool is None:
            return
        schema = schemas.json_schema(self.tool.parameters.all())
        for name, rule in schema["properties"].items():
            required = name in schema.get("required", ())
            self.fields[f"argument-{name}"] = argument_field(name, rule, required, self.arguments.get(name))

    def _add_plan_fields(self, old: StepDraft, owner: Any, plan: Plan | None) -> None:
        rows = Plan.objects.for_user(owner).filter(is_template=False).order_by("-pk")
        if plan is not None:
            rows = rows.exclude(pk=plan.pk)
        choices = [(row.pk, row.title) for row in rows.only("title")[:200]]
        self.fields["sub_plan"] = forms.ChoiceField(
            label=_("Plan"), choices=[("", "–"), *choices], initial=old.sub_plan_id or ""
        )
        help_text = _('A JSON object, such as {"topic": "{{ inputs.topic }}"}.')
        self.fields["inputs"] = self._object_field(_("Inputs of that plan"), help_text, self.arguments)

    def _object_field(self, label: Any, help_text: Any, value: dict[str, Any]) -> forms.Field:
        return TextField(
            label=label,
            required=False,
            initial=json.dumps(value, ensure_ascii=False, indent=2) if value else "",
            widget=forms.Textarea(attrs={**CODE, "rows": 4}),
            help_text=help_text,
        )

    def _add_kind_fields(self) -> None:
        text = {"required": False, "strip": False, "max_length": 100_000}
        if self.kind == StepKind.PROMPT:
            self.fields["argument-prompt"] = TextField(
                label=_("What the assistant is asked"),
                initial=self.arguments.get("prompt", ""),
                widget=forms.Textarea(attrs={"rows": 5}),
                max_length=100_000,
                help_text=_("An earlier step's output goes in as {{ steps.key.output }}."),
            )
        if self.kind == StepKind.APPROVAL:
            for name, label in (("title", _("Question")), ("reason", _("Reason"))):
                self.fields[f"argument-{name}"] = forms.CharField(
                    label=label, initial=self.arguments.get(name, ""), **text
                )
            rest = {name: value for name, value in self.arguments.items() if name not in ("title", "reason")}
            self.fields["also"] = self._object_field(
                _("Shown with it"),
                _(
                    "A JSON object of what is to be seen and may be changed, "
                    'such as {"to": "{{ inputs.to }}"}.'
                ),
                rest,
            )
        if self.kind == StepKind.WAIT:
            self.fields["argument-seconds"] = forms.CharField(
                label=_("Seconds"),
                initial=self.arguments.get("seconds", ""),
                help_text=_("How long to wait; or leave it empty and say until when."),
                **text,
            )
            self.fields["argument-until"] = forms.CharField(
                label=_("Until"),
                initial=self.arguments.get("until", ""),
                widget=forms.TextInput(attrs={"placeholder": "2026-03-01T09:00:00+09:00"}),
                **text,
            )

    def _add_dependencies(self, old: StepDraft) -> None:
        keys = [step.key for step in self.others]
        label, help_text = _("Waits for"), _("It begins when these have ended.")
        if len(keys) > MOST_CHECKBOXES:
            self.fields["depends_on"] = forms.CharField(
                label=label,
                required=False,
                initial=", ".join(old.depends_on),
                help_text=_("Keys of steps, separated by commas."),
                widget=forms.TextInput(attrs=CODE),
            )
        elif keys:
            self.fields["depends_on"] = forms.MultipleChoiceField(
                label=label,
                required=False,
                choices=[(step.key, _choice(step)) for step in self.others],
                initial=list(old.depends_on),
                widget=forms.CheckboxSelectMultiple,
                help_text=help_text,
            )

    def _add_rest(self, old: StepDraft) -> None:
        for name, label, help_text in (
            ("condition", _("Condition"), _("It is left out unless this is true, such as <code>steps.a.output.total &gt; `3`</code>.")),  # noqa: E501
            ("for_each", _("For each"), _("It is done for each entry of this list, such as <code>steps.a.output.results</code>; the entry is <code>{{ item }}</code>.")),  # noqa: E501
        ):  # fmt: skip
            self.fields[name] = forms.CharField(
                label=label,
                required=False,
                max_length=500,
                initial=getattr(old, name),
                help_text=help_text,
                widget=forms.TextInput(attrs=CODE),
            )
        for name, label in (
            ("max_retries", _("Retries")),
            ("retry_seconds", _("Seconds before a retry")),
            ("timeout_seconds", _("Time limit in seconds")),
        ):
            self.fields[name] = forms.IntegerField(
                label=label,
                required=False,
                min_value=0 if name != "timeout_seconds" else 1,
                max_value=MOST[name],
                initial=getattr(old, name),
            )
        self.fields["on_failure"] = forms.ChoiceField(
            label=_("If it fails for good"), choices=OnFailure.choices, initial=old.on_failure
        )

    # --- Groups, for the template -----------------------------------------------------------------------
    @property
    def argument_fields(self) -> list[forms.BoundField]:
        """The fields that say what is done."""
        return [
            self[name] for name in self.fields if name.startswith("argument-") or name in ("inputs", "also")
        ]

    @property
    def flow_fields(self) -> list[forms.BoundField]:
        """When, and how often."""
        return [self[name] for name in ("condition", "for_each")]

    @property
    def failure_fields(self) -> list[forms.BoundField]:
        """What happens when it fails."""
        return [self[name] for name in ("max_retries", "retry_seconds", "timeout_seconds", "on_failure")]

    @property
    def has_flow(self) -> bool:
        """Whether the part about conditions is to be shown open."""
        return any(self[name].value() or self[name].errors for name in ("condition", "for_each"))

    # --- Values -----------------------------------------------------------------------------------------
    def clean(self) -> dict[str, Any]:
        """The arguments under `arguments`; a fault is shown at its field."""
        given: dict[str, Any] = super().clean() or {}
        rules = self._rules()
        # What only programs set, such as a prompt's `system`, stays.
        hidden = self.kind == StepKind.PROMPT
        found = {name: value for name, value in self.arguments.items() if hidden and name != "prompt"}
        for name in [name for name in self.fields if name.startswith("argument-")]:
            text = given.get(name)
            if text in (None, ""):
                continue
            try:
                found[name.removeprefix("argument-")] = argument_value(text, rules.get(name, {}))
            except ValueError as error:
                self.add_error(name, str(error))
        if self.kind == StepKind.PLAN and given.get("inputs", "").strip():
            found = self._json_object("inputs", given["inputs"])
        if self.kind == StepKind.APPROVAL and given.get("also", "").strip():
            found = self._json_object("also", given["also"]) | found
        given["arguments"] = found
        return given

    def _rules(self) -> dict[str, Mapping[str, Any]]:
        if self.kind == StepKind.WAIT:
            return {"argument-seconds": {"type": "number"}}
        if self.tool is None:
            return {}
        schema = schemas.json_schema(self.tool.parameters.all())
        return {f"argument-{name}": rule for name, rule in schema["properties"].items()}

    def _json_object(self, field: str, text: str) -> dict[str, Any]:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            self.add_error(field, gettext("A JSON object is expected."))
            return {}
        return value

    def values(self) -> dict[str, Any]:
        """The fields of a `StepDraft`."""
        given = self.cleaned_data
        depends_on = given.get("depends_on") or []
        if isinstance(depends_on, str):
            depends_on = [word.strip() for word in depends_on.split(",") if word.strip()]
        usual = StepDraft(key="").retry_seconds
        return {
            "key": given["key"],
            "description": given["description"],
            "kind": self.kind,
            "tool_name": given.get("tool_name", ""),
            "sub_plan_id": given.get("sub_plan") or None,
            "arguments": given["arguments"] or None,
            "depends_on": depends_on,
            "condition": given["condition"],
            "for_each": given["for_each"],
            "max_retries": given["max_retries"] or 0,
            "retry_seconds": usual if given["retry_seconds"] is None else given["retry_seconds"],
            "timeout_seconds": given["timeout_seconds"],
            "on_failure": given["on_failure"],
        }


def _choice(step: StepDraft) -> str:
    if not step.description:
        return step.key
    return format_html('{} <span class="muted small">{}</span>', step.description[:80], step.key)


def argument_field(name: str, rule: Mapping[str, Any], required: bool, value: Any) -> forms.Field:
    """A field for an argument; every one takes a reference, too, so all are of text or choices."""
    shown = "" if value is None else as_text(value)
    default, kind = rule.get("default"), rule.get("type")
    common: dict[str, Any] = {
        "label": name,
        "required": required,
        "initial": shown,
        # written by whoever made the tool, and shown as it stands by the field's template
        "help_text": escape(gettext(said))
        if isinstance(said := rule.get("description"), str) and said
        else "",
    }
    choices = ["true", "false"] if kind == "boolean" else [str(one) for one in rule.get("enum", ())]
    if choices:
        listed = [*choices, *([shown] if shown and shown not in choices else [])]
        usual = "–" if default is None else gettext("as usual (%(value)s)") % {"value": as_text(default)}
        return forms.ChoiceField(choices=[("", usual), *((one, one) for one in listed)], **common)
    long = name in LONG_TEXTS or kind in ("array", "object") or len(shown) > 80 or "\n" in shown
    attrs: dict[str, Any] = {**CODE} if kind != "string" or name in ("code", "command") else {}
    if default is not None:
        attrs["placeholder"] = as_text(default)
    widget = forms.Textarea(attrs={"rows": 5, **attrs}) if long else forms.TextInput(attrs=attrs)
    return TextField(strip=False, max_length=100_000, widget=widget, **common)


def as_text(value: Any) -> str:
    """A value as a field shows it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def argument_value(text: str, rule: Mapping[str, Any]) -> Any:
    """What was filled in, in the type that the rule asks for; a reference stays text. Raises ValueError."""
    if has_reference(text) and rule.get("type") not in ("array", "object"):
        return text
    match rule.get("type"):
        case "integer" | "number":
            return _number(text)
        case "boolean":
            return text == "true"
        case "array" | "object":
            return _json(text, str(rule["type"]))
    return text


def _number(text: str) -> Any:
    try:
        value = json.loads(text.strip())
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(gettext("Write a number, or a reference such as {{ inputs.count }}."))
    return value


def _json(text: str, kind: str) -> Any:
    if has_reference(text) and text.strip().startswith("{{"):
        return text.strip()
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        if kind == "array" and not text.strip().startswith("["):
            return [line.strip() for line in text.splitlines() if line.strip()]
        raise ValueError(gettext("This is no JSON.")) from None
    return value
