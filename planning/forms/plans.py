"""Forms about a whole plan: its head, a goal, JSON, and what a run is given."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from agi_site.lib.form_fields import TextField

from ..services.authoring import TITLE_LENGTH
from ..services.checking import MOST_BUDGET
from ..services.proposals import LONGEST_GOAL
from ..words import BUDGET_WORDS
from .values import read_value, write_value

MAX_FILE = 20 * 1024 * 1024


class BudgetForm(forms.Form):
    """What a run may use at most; empty fields set no bound."""

    def __init__(self, *args: Any, budget: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, prefix="budget", **kwargs)
        for name, word in BUDGET_WORDS.items():
            # Programs may set parts of a second; whoever changes the rest in a page is to keep them.
            self.fields[name] = forms.FloatField(
                label=word,
                required=False,
                min_value=1 if name in ("steps", "tokens") else 0.1,
                max_value=MOST_BUDGET,
                initial=(budget or {}).get(name),
                widget=forms.NumberInput(attrs={"inputmode": "decimal", "step": "any"}),
            )

    @property
    def is_open(self) -> bool:
        """Whether its fields are to be seen at once."""
        return bool(self.errors) or any(field.initial for field in self.fields.values())

    def budget(self) -> dict[str, float]:
        """The bounds that were set."""
        found = {name: value for name, value in self.cleaned_data.items() if value}
        return {name: int(value) if value == int(value) else value for name, value in found.items()}


class PlanForm(forms.Form):
    """A plan's head."""

    title = forms.CharField(label=_("Title"), max_length=TITLE_LENGTH)
    description = TextField(
        label=_("Description"), required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3})
    )
    inputs = forms.CharField(
        label=_("Inputs"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono", "spellcheck": "false"}),
        help_text=_(
            "One a line: a name, then, if it has one, = and its usual value. Steps use it as "
            "<code>{{ inputs.name }}</code>."
        ),
    )

    def clean_inputs(self) -> dict[str, Any]:
        """Names with their defaults; without one, null."""
        found: dict[str, Any] = {}
        for number, line in enumerate(self.cleaned_data["inputs"].splitlines(), 1):
            if not line.strip():
                continue
            name, equals, value = (part.strip() for part in line.partition("="))
            if not name.isidentifier() or not name.isascii():
                message = gettext(
                    "Line %(number)d: a name has letters, digits and _, and begins with no digit."
                )
                raise forms.ValidationError(message % {"number": number})
            found[name] = read_value(value) if equals and value else None
        return found


def input_lines(inputs: Mapping[str, Any] | None) -> str:
    """Inputs as the lines that `PlanForm` reads."""
    return "\n".join(
        name if value is None else f"{name} = {write_value(value)}" for name, value in (inputs or {}).items()
    )


class GoalForm(forms.Form):
    """What is to be reached."""

    goal = forms.CharField(
        label=_("Goal"),
        max_length=LONGEST_GOAL,
        widget=forms.Textarea(
            attrs={
                "rows": 5,
                "placeholder": _("Find what the handbook says about holidays, then write a short summary."),
            }
        ),
    )


class JSONForm(forms.Form):
    """A plan as JSON, written or as a file."""

    text = forms.CharField(
        label=_("JSON"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 14, "class": "mono", "spellcheck": "false"}),
    )
    file = forms.FileField(label=_("Or a file"), required=False)

    def clean(self) -> dict[str, Any]:
        """The document under `document`."""
        given: dict[str, Any] = super().clean() or {}
        file, text = given.get("file"), given.get("text") or ""
        if file is not None and file.size > MAX_FILE:
            raise forms.ValidationError(gettext("This file is too large."))
        try:
            raw = file.read().decode() if file is not None else text
            document = json.loads(raw)
        except (ValueError, RecursionError) as error:
            message = gettext("This is no JSON: %(reason)s")
            raise forms.ValidationError(message % {"reason": str(error)[:200]}) from error
        if not isinstance(document, dict):
            raise forms.ValidationError(gettext("A JSON object is expected."))
        given["document"] = document
        return given


class InputsForm(forms.Form):
    """The values with which a run begins: a field for each input."""

    def __init__(
        self, *args: Any, names: Sequence[str], defaults: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, prefix="input", **kwargs)
        self.defaults = dict(defaults or {})
        for name in names:
            default = self.defaults.get(name)
            shown = write_value(default) if default is not None else ""
            long = len(shown) > 60 or isinstance(default, dict | list)
            self.fields[name] = TextField(
                label=name,
                required=default is None,
                initial=shown,
                strip=False,
                max_length=100_000,
                widget=forms.Textarea(attrs={"rows": 3}) if long else forms.TextInput(),
            )

    def inputs(self) -> dict[str, Any]:
        """The values; a field left empty keeps its default."""
        found = {}
        for name, text in self.cleaned_data.items():
            if text == "":
                continue
            found[name] = text if isinstance(self.defaults.get(name), str) else read_value(text)
        return found


class SkipForm(forms.Form):
    """Why a step is left out."""

    reason = forms.CharField(label=_("Reason"), max_length=500)
