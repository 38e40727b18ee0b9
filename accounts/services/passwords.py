"""Passwords: changing one's own, setting another's, and getting back in by e-mail."""

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.utils.translation import gettext as _

from agi_site.lib.problems import Invalid
from system import queue

from ..limits import Limit
from ..models import Session, User
from .roles import check_may_manage
from .sessions import revoke_all_sessions
from .trail import audit

RESET_TASK = "accounts.send_password_reset"


def change_password(*, user: User, current: str, new: str, keep: Session | None = None) -> None:
    """Change one's own password; all sessions end, except `keep`. Raises Invalid or TooMany."""
    limit = Limit("change_password", settings.SIGN_IN_ATTEMPTS, settings.SIGN_IN_WINDOW)
    limit.count(str(user.pk))
    if not user.check_password(current):
        fault = _("This is not your current password. Check it and try again.")
        raise Invalid(code="wrong_password", errors={"current": [fault]})
    limit.clear(str(user.pk))
    _store(user=user, new=new, by=user, keep=keep)


def set_password(*, user: User, new: str, by: User, keep: Session | None = None) -> None:
    """Set a person's password as an operator; their sessions end. Raises Forbidden or Invalid."""
    check_may_manage(by=by, user=user)
    _store(user=user, new=new, by=by, keep=keep)


def request_password_reset(*, email: str, base_url: str, address: str) -> None:
    """Have a link sent to the active people with this e-mail address, if there are any; raises TooMany.

    Does the same whether or not there are, so that nobody can find out who has an account. `base_url` is
    the address of this site, without a path.
    """
    email = email.strip().lower()
    window = settings.SIGN_IN_WINDOW
    Limit("reset_address", settings.SIGN_IN_ATTEMPTS, window).count(address)
    Limit("reset_account", 3, window).count(email)
    payload = {"email": email, "base_url": base_url, "language": translation.get_language() or ""}
    with transaction.atomic():
        queue.enqueue(task_type=RESET_TASK, payload=payload)


def make_reset_link(*, user: User) -> tuple[str, str]:
    """The two parts (uid, token) of a link that lets `user` choose a new password, once."""
    return urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)


def user_of_reset_link(*, uid: str, token: str) -> User | None:
    """The person for whom such a link was made; None when it was used, has expired or was never made."""
    try:
        pk = int(urlsafe_base64_decode(uid).decode())
        user = User.objects.filter(pk=pk, is_active=True).first()
    except (ValueError, OverflowError):
        return None
    return user if user is not None and default_token_generator.check_token(user, token) else None


def reset_password(*, uid: str, token: str, new: str) -> User:
    """Set a new password by the link from the e-mail; all sessions end. Raises Invalid."""
    user = user_of_reset_link(uid=uid, token=token)
    if user is None:
        message = _("This link was used already or has expired. Ask for a new one.")
        raise Invalid(message, code="bad_reset_link")
    _store(user=user, new=new, by=user, keep=None)
    return user


def check_new_password(*, user: User, new: str) -> None:
    """Refuse a weak password; raises Invalid with the faults at the field `new`."""
    try:
        validate_password(new, user)
    except ValidationError as error:
        raise Invalid(code="weak_password", errors={"new": error.messages}) from error


@transaction.atomic
def _store(*, user: User, new: str, by: User, keep: Session | None) -> None:
    check_new_password(user=user, new=new)
    user.set_password(new)
    user.save(update_fields=["password", "updated_at"])
    revoke_all_sessions(user=user, by=by, keep=keep)
    audit(f"password of {user.username} changed", by=by)
