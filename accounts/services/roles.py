"""Roles and permissions: who may do what, and who may decide that."""

from collections.abc import Iterable

from django.db import transaction
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, Forbidden

from ..models import ADMIN_ROLE, Permission, Role, RolePermission, Session, User, UserRole
from .sessions import revoke_all_sessions
from .trail import audit


def check_may_manage(*, by: User, user: User) -> None:
    """Refuse (Forbidden) to let `by` act on a person who may do more than themselves.

    Otherwise whoever may edit people could take over an administrator's account.
    """
    if by.pk == user.pk or by.is_superuser:
        return
    if user.is_superuser or not user.permission_names <= by.permission_names:
        raise Forbidden(_("This person may do more than you. Ask an administrator to make this change."))


def check_may_hand_out(*, by: User, role: Role, permissions: Iterable[Permission] | None = None) -> None:
    """Refuse (Forbidden) to let `by` hand out rights that they do not have."""
    if by.is_superuser:
        return
    rows = role.permissions.all() if permissions is None else permissions
    if role.name == ADMIN_ROLE or not {row.name for row in rows} <= by.permission_names:
        raise Forbidden(
            _("The role “%(role)s” allows more than yours do. Ask an administrator to make this change.")
            % {"role": role.name}
        )


def check_an_admin_stays(*, without: User) -> None:
    """Refuse (Conflict) to lose the last active administrator, who alone could make another.

    Locks the administrators' rows, so that two of them cannot leave at the same moment.
    """
    admins = User.objects.filter(is_active=True, user_roles__role__name=ADMIN_ROLE)
    names = list(admins.select_for_update().values_list("pk", flat=True))
    if without.pk in names and len(names) == 1:
        raise Conflict(
            _("This is the last administrator. Give another person the role “admin” first."),
            code="last_admin",
        )


@transaction.atomic
def grant_role(*, user: User, role: Role, by: User | None, keep: Session | None = None) -> UserRole:
    """Give `user` a role; their sessions end, except `keep`. Having it already is no error."""
    if by is not None:
        check_may_manage(by=by, user=user)
        check_may_hand_out(by=by, role=role)
    held, created = UserRole.objects.get_or_create(user=user, role=role)
    if created:
        _roles_changed(user=user, by=by, keep=keep)
        audit(f"granted role {role.name} to {user.username}", by=by)
    return held


@transaction.atomic
def revoke_role(*, user: User, role: Role, by: User | None, keep: Session | None = None) -> None:
    """Take a role from `user`; their sessions end, except `keep`. Not having it is no error."""
    if by is not None:
        check_may_manage(by=by, user=user)
    if role.name == ADMIN_ROLE:
        check_an_admin_stays(without=user)
    deleted, _rows = UserRole.objects.filter(user=user, role=role).delete()
    if deleted:
        _roles_changed(user=user, by=by, keep=keep)
        audit(f"revoked role {role.name} from {user.username}", by=by)


@transaction.atomic
def set_roles(*, user: User, roles: Iterable[Role], by: User, keep: Session | None = None) -> None:
    """Let `user` hold exactly `roles`."""
    wanted, held = set(roles), set(user.roles.all())
    for role in sorted(wanted - held, key=lambda role: role.name):
        grant_role(user=user, role=role, by=by, keep=keep)
    for role in sorted(held - wanted, key=lambda role: role.name):
        revoke_role(user=user, role=role, by=by, keep=keep)


@transaction.atomic
def save_role(*, role: Role, by: User) -> Role:
    """Store a role's name and description; the role `admin` keeps its name, by which it is known."""
    before = Role.objects.filter(pk=role.pk).first()
    if before is not None and before.name == ADMIN_ROLE != role.name:
        raise Conflict(_("The role “admin” cannot be renamed: the program knows it by its name."))
    if before is not None and before.name != role.name == ADMIN_ROLE:
        raise Conflict(_("There is only one role “admin”. Choose another name."))
    role.full_clean()
    role.save()
    audit(f"saved role {role.name}", by=by)
    return role


@transaction.atomic
def delete_role(*, role: Role, by: User) -> None:
    """Delete a role; the people who held it are signed out. The role `admin` stays."""
    if role.name == ADMIN_ROLE:
        raise Conflict(_("The role “admin” cannot be deleted: nobody could make another administrator."))
    check_may_hand_out(by=by, role=role)
    people = list(User.objects.filter(user_roles__role=role))
    name = role.name
    role.delete()
    for user in people:
        _roles_changed(user=user, by=by, keep=None)
    audit(f"deleted role {name}", by=by)


@transaction.atomic
def set_role_permissions(*, role: Role, permissions: Iterable[Permission], by: User) -> None:
    """Let `role` hand out exactly `permissions`; takes effect on its holders' next request."""
    wanted, held = set(permissions), set(role.permissions.all())
    if wanted == held:
        return
    check_may_hand_out(by=by, role=role, permissions=wanted ^ held)
    RolePermission.objects.filter(role=role, permission__in=held - wanted).delete()
    RolePermission.objects.bulk_create(
        RolePermission(role=role, permission=permission) for permission in wanted - held
    )
    added, removed = _names(wanted - held), _names(held - wanted)
    audit(f"changed role {role.name}: added {added}; removed {removed}", by=by)


def _names(permissions: Iterable[Permission]) -> str:
    return ", ".join(sorted(permission.name for permission in permissions)) or "nothing"


def _roles_changed(*, user: User, by: User | None, keep: Session | None) -> None:
    user.forget_rights()
    revoke_all_sessions(user=user, by=by, keep=keep)
