"""Admin of people, roles and sessions: what changes who may do what goes through the services."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.widgets import FilteredSelectMultiple
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget

from agi_site.lib.admin import HistoryAdmin, RowInline, TableAdmin, link_to, tell_problems

from . import services, views
from .models import USER_ROLE, Permission, Role, RolePermission, Session, User, UserRole
from .webhooks import admin as webhooks_admin  # noqa: F401 - importing it registers it

# One way in: the sign-in page counts attempts and makes the session's row.
admin.site.login = views.admin_sign_in  # type: ignore[method-assign]


class BriefDeletion:
    """What a deletion takes along is not listed: all that hangs on a person would be read into memory."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, Any, Any]:
        rows = list(objs)
        return [str(row) for row in rows], {self.opts.verbose_name_plural: len(rows)}, set(), []  # type: ignore[attr-defined]


class AddUserForm(UserCreationForm):
    class Meta:
        model = User
        fields = ("username", "email", "nickname")


class ChangeUserForm(UserChangeForm):
    language = forms.ChoiceField(
        label=_("language"),
        required=False,
        choices=[("", _("As the browser wishes")), *settings.LANGUAGES],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = User
        fields = ("username", "password", "email", "nickname", "language", "is_active")


class LinkInline(RowInline):
    """Links that are added and removed, never changed."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RolesInline(LinkInline):
    model = UserRole
    show_title = False
    fields = ["role", "assigned_at"]
    readonly_fields = ["assigned_at"]
    ordering = ["pk"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[UserRole]:
        return super().get_queryset(request).select_related("role", "user")


class ActiveFilter(admin.SimpleListFilter):
    title, parameter_name = _("active"), "active"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Yes")), ("no", _("No"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[User]) -> models.QuerySet[User]:
        """Nobody knows a third answer: a missing one keeps the person out like a no."""
        if self.value() == "yes":
            return queryset.filter(is_active=True)
        return queryset.exclude(is_active=True) if self.value() == "no" else queryset


@admin.register(User)
class UserAdmin(BriefDeletion, DjangoUserAdmin, TableAdmin):  # type: ignore[type-arg]
    form, add_form, change_password_form = ChangeUserForm, AddUserForm, AdminPasswordChangeForm
    list_display = ["username", "nickname", "email", "role_list", "is_active", "last_login", "created_at"]
    list_filter = [ActiveFilter, "roles", "created_at"]
    search_fields = ["username", "email", "nickname"]
    ordering = ["-pk"]
    filter_horizontal = []
    readonly_fields = ["last_login", "created_at", "updated_at"]
    fieldsets = [
        (None, {"fields": ["username", "password", "email", "nickname", "language", "is_active"]}),
        (_("dates"), {"fields": ["last_login", "created_at", "updated_at"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["username", "email", "nickname", "usable_password", "password1", "password2"]})
    ]
    actions = ["deactivate", "activate"]

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        """Roles are granted to people who exist; a new one gets the role `user`."""
        return [RolesInline] if obj else []

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[User]:
        return super().get_queryset(request).prefetch_related("roles")

    @admin.display(description=_("roles"))
    def role_list(self, user: User) -> str:
        return ", ".join(role.name for role in user.roles.all()) or "–"

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        services.update_user(user=obj, by=request.user)
        if not change:
            role = Role.objects.filter(name=USER_ROLE).first()
            if role is not None:
                services.grant_role(user=obj, role=role, by=request.user)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        by, keep = request.user, _kept_session(request)
        for held in formset.new_objects:
            services.grant_role(user=held.user, role=held.role, by=by, keep=keep)
        for held in formset.deleted_objects:
            services.revoke_role(user=held.user, role=held.role, by=by, keep=keep)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        services.delete_user(user=obj, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[User]) -> None:
        for user in queryset:
            services.delete_user(user=user, by=request.user)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        return tell_problems(request, self._change_password, id, form_url)

    def _change_password(self, request: HttpRequest, user_id: str, form_url: str) -> HttpResponse:
        user = self.get_object(request, user_id)
        if user is not None and self.has_change_permission(request, user):
            services.check_may_manage(by=request.user, user=user)
        response = super().user_change_password(request, user_id, form_url)
        if user is not None and request.method == "POST" and response.status_code == 302:
            services.revoke_all_sessions(user=user, by=request.user, keep=_kept_session(request))
        return response

    @admin.action(description=_("Deactivate: sign out and keep out"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: Iterable[User]) -> None:
        done = [services.deactivate_user(user=user, by=request.user) for user in queryset]
        text = ngettext("%(count)d person is kept out.", "%(count)d people are kept out.", len(done))
        messages.success(request, text % {"count": len(done)})

    @admin.action(description=_("Activate: let in again"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: Iterable[User]) -> None:
        done = [services.activate_user(user=user, by=request.user) for user in queryset]
        text = ngettext("%(count)d person may sign in.", "%(count)d people may sign in.", len(done))
        messages.success(request, text % {"count": len(done)})


class RoleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A role with the permissions it hands out."""

    permissions = forms.ModelMultipleChoiceField(
        label=_("permissions"),
        queryset=Permission.objects.order_by("name"),
        required=False,
        widget=FilteredSelectMultiple(_("permissions"), is_stacked=False),
    )

    class Meta:
        model = Role
        fields = ("name", "description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "permissions" in self.fields:
            self.initial["permissions"] = list(self.instance.permissions.values_list("pk", flat=True))


@admin.register(Role)
class RoleAdmin(BriefDeletion, TableAdmin):
    form = RoleForm
    list_display = ["name", "description", "people"]
    search_fields = ["name", "description"]
    ordering = ["name"]

    def get_fields(self, request: HttpRequest, obj: Role | None = None) -> list[str]:
        readable = obj is not None and not self.has_change_permission(request, obj)
        return ["name", "description", "permission_list" if readable else "permissions"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "permission_list"]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Role]:
        return super().get_queryset(request).annotate(holders=models.Count("user_roles"))

    @admin.display(description=_("people"), ordering="holders")
    def people(self, role: Any) -> int:
        return int(role.holders)

    @admin.display(description=_("permissions"))
    def permission_list(self, role: Role) -> str:
        return ", ".join(role.permissions.order_by("name").values_list("name", flat=True)) or "–"

    def save_model(self, request: HttpRequest, obj: Role, form: Any, change: bool) -> None:
        services.save_role(role=obj, by=request.user)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        chosen = form.cleaned_data.get("permissions")
        if chosen is not None:
            services.set_role_permissions(role=form.instance, permissions=chosen, by=request.user)

    def delete_model(self, request: HttpRequest, obj: Role) -> None:
        services.delete_role(role=obj, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Role]) -> None:
        for role in queryset:
            services.delete_role(role=role, by=request.user)


@admin.register(Permission)
class PermissionAdmin(HistoryAdmin):
    list_display = ["name", "description"]
    search_fields = ["name", "description"]
    ordering = ["name"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LinkAdmin(BriefDeletion, TableAdmin):
    """Links that are added and removed, never changed."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Any]) -> None:
        for link in queryset:
            self.delete_model(request, link)


@admin.register(UserRole)
class UserRoleAdmin(LinkAdmin):
    list_display = ["id", link_to("user"), link_to("role"), "assigned_at"]
    list_filter = ["role", "assigned_at"]
    search_fields = ["user__username", "role__name"]

    def save_model(self, request: HttpRequest, obj: UserRole, form: Any, change: bool) -> None:
        keep = _kept_session(request)
        obj.pk = services.grant_role(user=obj.user, role=obj.role, by=request.user, keep=keep).pk

    def delete_model(self, request: HttpRequest, obj: UserRole) -> None:
        keep = _kept_session(request)
        services.revoke_role(user=obj.user, role=obj.role, by=request.user, keep=keep)


@admin.register(RolePermission)
class RolePermissionAdmin(LinkAdmin):
    list_display = ["id", link_to("role"), link_to("permission"), "assigned_at"]
    list_filter = ["role"]
    search_fields = ["role__name", "permission__name"]

    def save_model(self, request: HttpRequest, obj: RolePermission, form: Any, change: bool) -> None:
        wanted = {*obj.role.permissions.all(), obj.permission}
        services.set_role_permissions(role=obj.role, permissions=wanted, by=request.user)
        obj.pk = RolePermission.objects.get(role=obj.role, permission=obj.permission).pk

    def delete_model(self, request: HttpRequest, obj: RolePermission) -> None:
        rest = set(obj.role.permissions.exclude(pk=obj.permission_id))
        services.set_role_permissions(role=obj.role, permissions=rest, by=request.user)


@admin.register(Session)
class SessionAdmin(BriefDeletion, HistoryAdmin):
    list_display = ["id", link_to("user"), "device", "ip_address", "last_active", "created_at", "expires_at"]
    list_filter = ["created_at", "last_active"]
    search_fields = ["id", "user__username", "ip_address"]
    ordering = ["-pk"]
    fields = [
        "id",
        "user",
        "device",
        "user_agent",
        "ip_address",
        "created_at",
        "last_active",
        "expires_at",
    ]
    readonly_fields = ["device"]
    actions = ["revoke"]

    @admin.display(description=_("device"))
    def device(self, session: Session) -> str:
        return session.device

    @admin.action(description=_("Revoke: sign the device out"), permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: Iterable[Session]) -> None:
        done = [services.revoke_session(session=session, by=request.user) for session in queryset]
        text = ngettext("%(count)d session ended.", "%(count)d sessions ended.", len(done))
        messages.success(request, text % {"count": len(done)})

    def delete_model(self, request: HttpRequest, obj: Session) -> None:
        services.revoke_session(session=obj, by=request.user)

    def delete_queryset(self, request: HttpRequest, queryset: Iterable[Session]) -> None:
        for session in queryset:
            services.revoke_session(session=session, by=request.user)


def _kept_session(request: HttpRequest) -> Session | None:
    """The session of the operator who acts: changing one's own rights does not sign oneself out here."""
    session: Session | None = request.session_row
    return session
