"""Rules of the policy, and the question what they say about somebody."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Role

from ..models import PolicyEffect, Tool, ToolPolicy


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
