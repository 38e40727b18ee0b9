"""The allow-list of images, and their builds from Dockerfiles with a live log."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from agi_site.lib.admin import TableAdmin, for_each, link_to

from .. import services
from ..models import SandboxImage, SandboxImageBuild
from .common import COLOURS, PartAdmin, ServiceForm, as_text, link


class SandboxImageForm(ServiceForm):
    class Meta:
        model = SandboxImage
        fields = ["name", "tag", "digest", "description"]

    def attempt(self, values: dict[str, Any]) -> None:
        services.allow_image(by=None, **_given(values))


def _given(values: dict[str, Any]) -> dict[str, str]:
    return {name: values.get(name) or "" for name in ("name", "tag", "digest", "description")}


@admin.register(SandboxImage)
class SandboxImageAdmin(TableAdmin):
    form = SandboxImageForm
    list_display = ["name", "tag", "digest", "description", "is_active", "build", "updated_at"]
    list_filter = ["is_active"]
    search_fields = ["id", "name", "digest"]
    ordering = ["name", "tag"]
    actions = ["allow", "forbid"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # another name or digest is another image; the actions allow it or not

    def has_switch_permission(self, request: HttpRequest) -> bool:
        """Who may allow images: those whose role may change them."""
        return bool(request.user.has_perm("sandbox.change_sandboximage"))

    @display(description=_("build"))
    def build(self, image: SandboxImage) -> str:
        address = reverse("admin:sandbox_sandboximagebuild_add")
        return link(f"{address}?image={image.pk}", _("from a Dockerfile"))

    def save_model(self, request: HttpRequest, obj: SandboxImage, form: Any, change: bool) -> None:
        """Store by the service, which leaves an audit record."""
        obj.pk = services.allow_image(by=request.user, **_given(form.cleaned_data)).pk

    @admin.action(description=_("Allow the selected images"), permissions=["switch"])
    def allow(self, request: HttpRequest, queryset: QuerySet[SandboxImage]) -> None:
        """Templates may use them."""
        for_each(
            request,
            queryset,
            lambda row: services.set_image_active(image=row, by=request.user, active=True),
        )

    @admin.action(description=_("Take the selected images off the list"), permissions=["switch"])
    def forbid(self, request: HttpRequest, queryset: QuerySet[SandboxImage]) -> None:
        """New sandboxes may not be made of them; those that stand stay."""
        for_each(
            request,
            queryset,
            lambda row: services.set_image_active(image=row, by=request.user, active=False),
        )


class SandboxImageBuildForm(ServiceForm):
    image = forms.ModelChoiceField(
        SandboxImage.objects.order_by("name", "tag"), label=_("Image"), widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = SandboxImageBuild
        fields = ["image", "dockerfile"]
        widgets = {"dockerfile": UnfoldAdminTextareaWidget(attrs={"rows": 20, "class": "font-mono"})}

    def attempt(self, values: dict[str, Any]) -> None:
        services.build_image(by=None, image=values["image"], dockerfile=values["dockerfile"])


@admin.register(SandboxImageBuild)
class SandboxImageBuildAdmin(PartAdmin):
    list_display = ["created_at", link_to("image"), "shown_status", link_to("built_by"), "completed_at"]
    list_display_links = ["created_at"]
    list_filter = ["status", "created_at"]
    search_fields = ["id", "image__name"]
    readonly_fields = ["shown_dockerfile"]
    change_form_outer_after_template = "sandbox/admin/build_log.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(
            request.user.has_perm("sandbox.add_sandboximagebuild")
            and request.user.has_perm("sandbox.change_sandboximage")
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return SandboxImageBuildForm if obj is None else super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return ["image", "dockerfile"]
        return [
            "image",
            "status",
            "digest",
            "built_by",
            "created_at",
            "completed_at",
            "shown_dockerfile",
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return super().get_readonly_fields(request, obj) if obj else []

    @display(description=_("status"), ordering="status", label=COLOURS)
    def shown_status(self, build: SandboxImageBuild) -> tuple[str, str]:
        return str(build.status), str(build.get_status_display())

    @display(description=_("Dockerfile"))
    def shown_dockerfile(self, build: SandboxImageBuild) -> str:
        return as_text(build.dockerfile)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Queue the build by the service; then its page shows the log as it grows."""
        row = services.build_image(
            by=request.user, image=form.cleaned_data["image"], dockerfile=form.cleaned_data["dockerfile"]
        )
        obj.pk, obj.created_at, obj.built_by = row.pk, row.created_at, row.built_by

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        address = reverse("admin:sandbox_sandboximagebuild_change", args=[obj.pk])
        return HttpResponseRedirect(address)
