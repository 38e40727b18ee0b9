"""People: signing up, their profiles, and their leaving."""

from collections.abc import Mapping

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from agi_site.lib.problems import Conflict, Forbidden, Invalid
from system import queue

from ..limits import Limit
from ..models import USER_ROLE, Role, User, UserRole
from .passwords import check_new_password
from .roles import check_an_admin_stays, check_may_manage
from .sessions import revoke_all_sessions
from .trail import audit


def sign_up(
    *, username: str, email: str, password: str, nickname: str = "", address: str = "", language: str = ""
) -> User:
    """Store a new person with the role `user`; raises Forbidden (sign-up is closed), Invalid or TooMany.

    `language` is that of their pages and mail; left empty, their browser decides.
    """
    if not settings.SIGN_UP_OPEN:
        message = _("Sign-up is closed here. Ask an administrator for an account.")
        raise Forbidden(message, code="sign_up_closed")
    Limit("sign_up", settings.SIGN_UPS_PER_ADDRESS, 3600).count(address)
    user = User(
        username=User.normalize_username(username.strip()),
        email=email.strip().lower(),
        nickname=nickname.strip() or username.strip()[:50],
        language=language,
    )
    check_new_password(user=user, new=password)
    user.set_password(password)
    with transaction.atomic():
        _save(user)
        UserRole.objects.create(user=user, role=Role.objects.get_or_create(name=USER_ROLE)[0])
        audit(f"signed up: {user.username}", by=user)
    return user


def update_profile(*, user: User, changes: Mapping[str, str]) -> User:
    """Change one's own `nickname`, `email` or `language`, whichever `changes` holds; raises Invalid."""
    unknown = set(changes) - {"nickname", "email", "language"}
    if unknown:
        fault = _("This cannot be changed here.")
        raise Invalid(errors={name: [fault] for name in sorted(unknown)})
    before = {name: getattr(user, name) for name in changes}
    for name, value in changes.items():
        setattr(user, name, value.strip().lower() if name == "email" else value.strip())
    try:
        with transaction.atomic():
            _save(user)
            audit(f"profile of {user.username} changed: {', '.join(sorted(changes)) or 'nothing'}", by=user)
    except Invalid:
        for name, value in before.items():  # the page goes on to show this person
            setattr(user, name, value)
        raise
    return user


@transaction.atomic
def update_user(*, user: User, by: User) -> User:
    """Store what an operator changed of a person; deactivation ends their sessions."""
    before = User.objects.filter(pk=user.pk).first()
    if before is not None:
        check_may_manage(by=by, user=before)
    if before is not None and before.is_active and not user.is_active:
        check_an_admin_stays(without=before)
        revoke_all_sessions(user=user, by=by)
    _save(user)
    audit(f"account {user.username} saved (active: {bool(user.is_active)})", by=by)
    return user


@transaction.atomic
def deactivate_user(*, user: User, by: User) -> None:
    """Keep a person out; their sessions end, what they made stays. Raises Forbidden or Conflict."""
    check_may_manage(by=by, user=user)
    if by.pk == user.pk:
        raise Conflict(_("You cannot deactivate yourself. Ask another administrator."))
    check_an_admin_stays(without=user)
    user.is_active = False
    user.save(update_fields=["is_active", "updated_at"])
    revoke_all_sessions(user=user, by=by)
    audit(f"deactivated {user.username}", by=by)


@transaction.atomic
def activate_user(*, user: User, by: User) -> None:
    """Let a person in again; raises Forbidden."""
    check_may_manage(by=by, user=user)
    user.is_active = True
    user.save(update_fields=["is_active", "updated_at"])
    audit(f"activated {user.username}", by=by)


def delete_account(*, user: User, password: str) -> None:
    """Delete oneself and all that is one's own, for good; raises Invalid, TooMany or Conflict."""
    limit = Limit("delete_account", settings.SIGN_IN_ATTEMPTS, settings.SIGN_IN_WINDOW)
    limit.count(str(user.pk))
    if not user.check_password(password):
        fault = _("This is not your password. Check it and try again.")
        raise Invalid(code="wrong_password", errors={"password": [fault]})
    delete_user(user=user, by=user)


@transaction.atomic
def delete_user(*, user: User, by: User) -> None:
    """Delete a person and all that is theirs, for good; raises Forbidden or Conflict."""
    check_may_manage(by=by, user=user)
    check_an_admin_stays(without=user)
    audit(f"deleted account {user.username} (id {user.pk})", by=by)
    # What the database cannot reach (files, containers) goes by the clock: whoever keeps it misses the rows.
    queue.announce("users.deleted", {"user_id": user.pk})
    user.delete()


def _save(user: User) -> None:
    """Validate and store; raises Invalid, also when another got the name a moment earlier."""
    try:
        user.full_clean()
        with transaction.atomic():
            user.save()
    except ValidationError as error:
        raise Invalid(errors=error.message_dict) from error
    except IntegrityError as error:
        message = _("This name or e-mail address was just taken. Choose another.")
        raise Invalid(message, code="taken") from error
