"""The form of a webhook."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from .models import PATTERN, Webhook

FAMILIES = [
    ("tool_execution.*", _("Runs of tools")),
    ("approval.*", _("Approvals")),
    ("plan_execution.*", _("Runs of plans")),
    ("plan_step_execution.*", _("Steps of plans")),
    ("sandbox.*", _("Sandboxes")),
    ("message.completed", _("Answers of the assistant")),
]


class WebhookForm(forms.Form):
    """Where to tell, and what."""

    url = forms.CharField(
        label=_("URL"),
        max_length=500,
        widget=forms.URLInput,
        help_text=_("It gets a POST with JSON, signed."),
    )
    description = forms.CharField(label=_("Description"), max_length=200, required=False)
    families = forms.MultipleChoiceField(
        label=_("Events"), choices=FAMILIES, widget=forms.CheckboxSelectMultiple, required=False
    )
    names = forms.CharField(
        label=_("Single events"),
        max_length=2000,
        required=False,
        help_text=_("Separated by spaces, for example plan_execution.failed. * is everything."),
    )
    enabled = forms.BooleanField(label=_("Enabled"), required=False, initial=True)

    @staticmethod
    def initial_of(webhook: Webhook) -> dict[str, Any]:
        """The values of a webhook that is being changed."""
        known = [name for name, _label in FAMILIES]
        return {
            "url": webhook.url,
            "description": webhook.description,
            "families": [event for event in webhook.events if event in known],
            "names": " ".join(event for event in webhook.events if event not in known),
            "enabled": webhook.enabled,
        }

    def clean_names(self) -> list[str]:
        names: list[str] = self.cleaned_data["names"].replace(",", " ").split()
        if wrong := [name for name in names if not PATTERN.fullmatch(name)]:
            raise forms.ValidationError(
                _("No names of events: %(names)s"), params={"names": ", ".join(wrong[:5])}
            )
        return names

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not values.get("families") and not values.get("names") and "names" not in self.errors:
            self.add_error("families", _("Choose at least one."))
        return values

    def values(self) -> dict[str, Any]:
        """What the service takes."""
        given = self.cleaned_data
        return {
            "url": given["url"],
            "description": given["description"],
            "events": [*given["families"], *given["names"]],
            "enabled": given["enabled"],
        }
