"""Admin of explanations."""

from typing import Any

from django import forms
from django.contrib import admin

from agi_site.lib.admin import HistoryAdmin, HistoryInline, TableAdmin, link_to
from agi_site.lib.problems import Problem

from . import wording
from .models import Explanation, ExplanationFeature, ExplanationTemplate


class ExplanationFeatureInline(HistoryInline):
    model = ExplanationFeature
    fields = ["feature_name", "feature_value", "importance"]
    ordering = ["-importance"]


@admin.register(Explanation)
class ExplanationAdmin(HistoryAdmin):
    list_display = [
        "id",
        "target_type",
        "target_id",
        link_to("user"),
        "algorithm",
        "confidence",
        "created_at",
    ]
    list_filter = ["target_type", "created_at"]
    search_fields = ["id", "target_id"]
    inlines = [ExplanationFeatureInline]


@admin.register(ExplanationFeature)
class ExplanationFeatureAdmin(HistoryAdmin):
    list_display = ["feature_name", "feature_value", "importance", link_to("explanation")]
    search_fields = ["feature_name"]


class ExplanationTemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    """Refuses templates that name what an explanation does not have."""

    class Meta:
        model = ExplanationTemplate
        fields = ["name", "template_text", "target_type", "language", "complexity_level", "is_active"]

    def clean_template_text(self) -> Any:
        text = self.cleaned_data["template_text"]
        try:
            wording.check(text)
        except Problem as problem:
            raise forms.ValidationError(problem.errors["template_text"]) from problem
        return text


@admin.register(ExplanationTemplate)
class ExplanationTemplateAdmin(TableAdmin):
    form = ExplanationTemplateForm
    list_display = ["name", "target_type", "language", "complexity_level", "is_active", "updated_at"]
    list_filter = ["is_active", "language", "complexity_level"]
    search_fields = ["name", "template_text"]
