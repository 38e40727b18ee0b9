"""People: users, roles, permissions and sessions (the seed's section 5.1)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, ExactCharField, UpdatedAtField, UUIDKey
from agi_site.lib.owned import OwnedModel, OwnedQuerySet, SharedModel
from agi_site.lib.prepared import prepared

from .devices import NAMED, describe

# The roles that the program knows by name; operators may add others.
ADMIN_ROLE = "admin"
USER_ROLE = "user"


class Role(SharedModel):
    """A named set of permissions (table `role`, 5.1.2)."""

    shared_because = "roles describe the team, not a person"

    id = models.BigAutoField(_("id"), primary_key=True)
    name = models.CharField(_("name"), max_length=50, unique=True)
    description = models.TextField(_("description"), null=True, blank=True)
    permissions: "models.ManyToManyField[Permission, RolePermission]" = models.ManyToManyField(
        "Permission", through="RolePermission", related_name="roles", verbose_name=_("permissions")
    )

    class Meta:
        db_table = "role"
        verbose_name = _("role")
        verbose_name_plural = _("roles")

    def __str__(self) -> str:
        return str(self.name)


class Permission(SharedModel):
    """A right, named `<app>.<codename>`, that roles hand out (table `permission`, 5.1.3)."""

    shared_because = "the list of rights is part of the program"

    id = models.BigAutoField(_("id"), primary_key=True)
    name = models.CharField(_("name"), max_length=100, unique=True)
    description = models.TextField(_("description"), null=True, blank=True)

    class Meta:
        db_table = "permission"
        verbose_name = _("permission")
        verbose_name_plural = _("permissions")

    def __str__(self) -> str:
        return str(self.name)


def check_language(code: str) -> None:
    """Refuse (ValidationError) a language in which there are no pages."""
    codes = list(dict(settings.LANGUAGES))
    if code not in codes:
        raise ValidationError(
            _("Choose one of these languages: %(codes)s."), params={"codes": ", ".join(codes)}
        )


class UserQuerySet(models.QuerySet["User"]):
    """People; a person sees only themselves, unless their role lets them see others."""

    def for_user(self, user: Any) -> Self:
        """The people `user` may see."""
        if user is None or not user.is_authenticated:
            return self.none()
        return self if user.has_perm("accounts.view_user") else self.filter(pk=user.pk)


class UserManager(BaseUserManager["User"].from_queryset(UserQuerySet)):
    """Makes people."""

    def create_user(
        self, username: str, email: str, password: str | None = None, *, nickname: str = "", **fields: Any
    ) -> "User":
        """Store a person; without a password they cannot sign in until they reset it."""
        user: User = self.model(
            username=self.model.normalize_username(username),
            email=self.normalize_email(email),
            nickname=nickname or username[:50],
            **fields,
        )
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, username: str, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        """Store a person who holds the role `admin`, which may do everything."""
        user = self.create_user(username, email, password, **fields)
        role, _created = Role.objects.get_or_create(name=ADMIN_ROLE)
        UserRole.objects.get_or_create(user=user, role=role)
        return user


class User(AbstractBaseUser):
    """A person who may sign in (table `user`, 5.1.1).

    `is_staff`, `is_superuser` and `has_perm` derive from role and permission rows: the table has no such
    columns.
    """

    owner_path = "pk"

    id = models.BigAutoField(_("id"), primary_key=True)
    username = models.CharField(
        _("username"),
        max_length=100,
        unique=True,
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": _("This name is taken. Choose another.")},
    )
    password = models.CharField(_("password"), max_length=255, db_column="password_hash")
    email = models.EmailField(
        _("email"),
        max_length=100,
        unique=True,
        error_messages={"unique": _("This e-mail address belongs to another account. Use another.")},
    )
    nickname = models.CharField(_("nickname"), max_length=50)
    is_active = models.BooleanField(  # type: ignore[assignment]
        _("is active"), null=True, blank=True, db_index=True, default=True, db_default=True
    )
    created_at = CreatedAtField(_("created at"))
    updated_at = UpdatedAtField(_("updated at"), null=True)
    last_login = models.DateTimeField(_("last login at"), null=True, blank=True, db_column="last_login_at")
    # Beyond the seed; the README says why.
    language = models.CharField(
        _("language"), max_length=10, blank=True, default="", db_default="", validators=[check_language]
    )
    roles = models.ManyToManyField(Role, through="UserRole", related_name="users", verbose_name=_("roles"))

    objects = UserManager()

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]

    class Meta:
        db_table = "user"
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def __str__(self) -> str:
        return self.username

    @cached_property
    def _rights(self) -> tuple[frozenset[str], frozenset[str]]:
        """The names of the roles held, and of their permissions: one query, kept on the instance."""
        rows = _rights_of(user=self.pk)
        return frozenset(role for role, _right in rows), frozenset(right for _role, right in rows if right)

    @property
    def role_names(self) -> frozenset[str]:
        """The names of the roles this person holds."""
        return self._rights[0]

    @property
    def permission_names(self) -> frozenset[str]:
        """The permissions that those roles hand out."""
        return self._rights[1]

    def forget_rights(self) -> None:
        """Read roles and permissions anew when next asked: they changed."""
        self.__dict__.pop("_rights", None)

    @property
    def is_superuser(self) -> bool:
        """Whether this person may do everything."""
        return bool(self.is_active) and ADMIN_ROLE in self.role_names

    @property
    def is_staff(self) -> bool:
        """Whether this person may enter the admin."""
        return self.has_perm("admin.access")

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whether a role of this active person hands out `perm`."""
        return bool(self.is_active) and (ADMIN_ROLE in self.role_names or perm in self.permission_names)

    def has_perms(self, perm_list: Iterable[str], obj: Any = None) -> bool:
        """Whether this person holds each of `perm_list`."""
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether this person holds any permission of an app."""
        if self.is_superuser:
            return True
        return bool(self.is_active) and any(
            name.startswith(f"{app_label}.") for name in self.permission_names
        )

    def get_all_permissions(self, obj: Any = None) -> frozenset[str]:
        """All permissions of this active person."""
        return self.permission_names if self.is_active else frozenset()


@prepared(user=models.BigIntegerField())
def _rights_of(user: Any) -> models.QuerySet[Any, Any]:
    """The roles of a person with their permissions, as pairs of names; None where a role has none."""
    return Role.objects.filter(user_roles__user=user).values_list("name", "permissions__name")


class UserRole(OwnedModel):
    """A role held by a person (table `user_roles`, 5.1.4)."""

    owner_path = "user"

    id = models.BigAutoField(_("id"), primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="user_roles", verbose_name=_("user")
    )
    role = models.ForeignKey(Role, models.DB_CASCADE, related_name="user_roles", verbose_name=_("role"))
    assigned_at = CreatedAtField(_("assigned at"))

    class Meta:
        db_table = "user_roles"
        verbose_name = _("user role")
        verbose_name_plural = _("user roles")
        constraints = [
            models.UniqueConstraint(fields=["user", "role"], name="user_roles_user_role_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.role_id}"


class RolePermission(SharedModel):
    """A permission held by a role (table `role_permissions`, 5.1.5)."""

    shared_because = "what a role allows is the same for everyone"

    id = models.BigAutoField(_("id"), primary_key=True)
    role = models.ForeignKey(Role, models.DB_CASCADE, related_name="role_permissions", verbose_name=_("role"))
    permission = models.ForeignKey(
        Permission, models.DB_CASCADE, related_name="role_permissions", verbose_name=_("permission")
    )
    assigned_at = CreatedAtField(_("assigned at"))

    class Meta:
        db_table = "role_permissions"
        verbose_name = _("role permission")
        verbose_name_plural = _("role permissions")
        constraints = [
            models.UniqueConstraint(
                fields=["role", "permission"], name="role_permissions_role_permission_unique"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class SessionQuerySet(OwnedQuerySet):
    """Sessions, of which some have expired or belong to people who were deactivated."""

    def live(self, now: datetime) -> Self:
        """Keep those that still let their person in."""
        return self.filter(expires_at__gt=now, user__is_active=True)


class Session(OwnedModel):
    """One signed-in device or API token; only the hash of its token is stored (table `session`, 5.1.6)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="sessions", verbose_name=_("user")
    )
    token = ExactCharField(_("token"), max_length=255, unique=True)
    ip_address = models.CharField(_("ip address"), max_length=45, null=True, blank=True)
    user_agent = models.CharField(_("user agent"), max_length=255, null=True, blank=True)
    created_at = CreatedAtField(_("created at"), null=True)
    last_active = UpdatedAtField(_("last active"), null=True)
    expires_at = models.DateTimeField(_("expires at"), db_index=True)

    objects = SessionQuerySet.as_manager()

    moved = False  # whether the present request moved `last_active`; not a column

    class Meta:
        db_table = "session"
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return self.device

    @property
    def device(self) -> str:
        """The browser or program, as people say it."""
        return describe(self.user_agent)

    @property
    def is_named_token(self) -> bool:
        """Whether it is the token of a program that a person gave a name."""
        return (self.user_agent or "").startswith(NAMED)


# The tables of webhooks stand in their own room.
from .webhooks.models import Webhook, WebhookDelivery  # noqa: E402

__all__ = [
    "ADMIN_ROLE",
    "USER_ROLE",
    "Permission",
    "Role",
    "RolePermission",
    "Session",
    "SessionQuerySet",
    "User",
    "UserManager",
    "UserQuerySet",
    "UserRole",
    "Webhook",
    "WebhookDelivery",
]
