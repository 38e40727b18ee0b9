"""Forms of tool sources and scripts: JSON where a structure is wanted, checked by the services."""

import json
from typing import Any

from django import forms
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext_lazy as _

from agi_site.lib.crypto import MASK
from agi_site.lib.fields import masked
from tools.models import SourceKind, Tool, ToolSource
from tools.scripts import INTERPRETERS, LONGEST_SCRIPT

from . import openapi, services


class JSONText(forms.JSONField):
    """A JSON object typed as text."""

    def __init__(self, **options: Any) -> None:
        options.setdefault(
            "widget", forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "mono"})
        )
        super().__init__(required=False, **options)

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except RecursionError as error:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from error

    def prepare_value(self, value: Any) -> Any:
        """Nothing is an empty box, not the word null."""
        return "" if value is None else super().prepare_value(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What is nested too deeply is shown as it was typed, like everything that is no JSON."""
        try:
            return super().bound_data(data, initial)
        except RecursionError:
            return InvalidJSONInput(data)

    def clean(self, value: Any) -> Any:
        found = super().clean(value)
        if found is not None and not isinstance(found, dict):
            raise forms.ValidationError(_("A JSON object is expected."))
        return found


class SourceForm(forms.Form):
    """What the kinds of sources need; fields of other kinds are left out."""

    name = forms.SlugField(
        label=_("Name"),
        max_length=30,
        help_text=_("The names of its tools begin with it. It stays as it is."),
    )
    url = forms.CharField(label=_("URL"), max_length=500, required=False, widget=forms.URLInput)
    document_url = forms.CharField(
        label=_("Address of the document"), max_length=500, required=False, widget=forms.URLInput
    )
    document_file = forms.FileField(
        label=_("Or the document as a file"), required=False, help_text=_("OpenAPI 3.0 or 3.1, JSON or YAML.")
    )
    command = JSONText(
        label=_("Program"),
        help_text=_('For example {"argv": ["python3", "server.py"], "files": {"server.py": "…"}}'),
    )
    template = forms.ChoiceField(
        label=_("Sandbox"),
        required=False,
        help_text=_("The template of its sandbox. What needs a network needs a template that allows it."),
    )
    secrets = JSONText(
        label=_("Secrets"),
        help_text=_(
            "A JSON object: headers, ?name for query parameters, or a program's variables. Kept encrypted."
        ),
    )
    enabled = forms.BooleanField(label=_("Enabled"), required=False, initial=True)

    OF_KIND = {
        SourceKind.MCP_HTTP: ("name", "url", "secrets", "enabled"),
        SourceKind.MCP_STDIO: ("name", "command", "template", "secrets", "enabled"),
        SourceKind.OPENAPI: ("name", "document_url", "document_file", "url", "secrets", "enabled"),
    }

    def __init__(self, *args: Any, kind: str, source: ToolSource | None = None, **options: Any) -> None:
        self.kind, self.source = kind, source
        if source is not None:
            options["initial"] = {
                "url": source.url or "",
                "document_url": source.document_url or "",
                "command": _without_template(source.command),
                "template": (source.command or {}).get("template", ""),
                "secrets": masked(source.secrets),
                "enabled": source.enabled,
            }
        super().__init__(*args, **options)
        kept = self.OF_KIND[SourceKind(kind)]
        for name in list(self.fields):
            if name not in kept or (name == "name" and source is not None):
                del self.fields[name]
        if kind == SourceKind.MCP_HTTP:
            self.fields["url"].required = True
        if kind == SourceKind.MCP_STDIO:
            self.fields["command"].required = True
            # one that was switched off meanwhile is still shown as what is chosen
            names = dict.fromkeys([*services.recipes(), *filter(None, [self.initial.get("template")])])
            self.fields["template"].choices = [
                ("", _("The oldest with Python")),
                *zip(names, names, strict=True),
            ]
        if kind == SourceKind.OPENAPI:
            self.fields["url"].label = _("Address of the API")
            self.fields["url"].help_text = _("Only where the document does not say it.")

    def clean_secrets(self) -> dict[str, Any] | None:
        """A value that is still its mask stays what it is."""
        given: dict[str, Any] | None = self.cleaned_data["secrets"]
        kept = (self.source.secrets or {}) if self.source else {}
        return {
            name: kept.get(name, "") if value == MASK else value for name, value in (given or {}).items()
        } or None

    def values(self) -> dict[str, Any]:
        """What the service takes; raises Invalid for a document that is none."""
        apart = ("document_file", "template")
        given = {name: value for name, value in self.cleaned_data.items() if name not in apart}
        if template := self.cleaned_data.get("template"):
            given["command"] = (given["command"] or {}) | {"template": template}
        for name in ("url", "document_url"):
            if name in given:
                given[name] = given[name] or None
        if file := self.cleaned_data.get("document_file"):
            given["document"] = openapi.parse(
                file.read(openapi.LARGEST_DOCUMENT + 1).decode("utf-8", "replace")
            )
        return given | ({} if self.source else {"kind": self.kind})


def _without_template(command: dict[str, Any] | None) -> dict[str, Any] | None:
    """The program as it is typed; its template has a field of its own."""
    return command and {name: value for name, value in command.items() if name != "template"}


class ScriptForm(forms.Form):
    """A script that becomes a tool."""

    name = forms.CharField(label=_("Name"), max_length=64, help_text=_("Small letters, digits and _."))
    description = forms.CharField(
        label=_("Description"), max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    interpreter = forms.ChoiceField(label=_("Interpreter"), choices=[(name, name) for name in INTERPRETERS])
    script = forms.CharField(
        label=_("Script"),
        max_length=LONGEST_SCRIPT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "mono"}),
        help_text=_("Arguments come as JSON on the input, and as variables ARG_<NAME>."),
    )
    parameters = JSONText(
        label=_("Parameters"),
        help_text=_('A JSON Schema: {"properties": {"city": {"type": "string"}}, "required": ["city"]}'),
    )

    def __init__(self, *args: Any, tool: Tool | None = None, **options: Any) -> None:
        if tool is not None:
            options["initial"] = {
                "description": tool.description,
                "interpreter": tool.interpreter,
                "script": tool.script,
                "parameters": _schema(tool),
            }
        super().__init__(*args, **options)
        if tool is not None:
            del self.fields["name"]

    def clean_script(self) -> str:
        """Forms bring the line ends of the network; shells want their own."""
        return str(self.cleaned_data["script"]).replace("\r\n", "\n")


def _schema(tool: Tool) -> dict[str, Any]:
    from tools.schemas import json_schema

    return json.loads(json.dumps(json_schema(tool.parameters.order_by("pk"))))
