"""Sessions: each signed-in browser and each API token is a row, and the row decides."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from agi_site.lib.prepared import prepared
from agi_site.lib.problems import Invalid, NotFound

from ..limits import Limit
from ..models import Session, SessionQuerySet, User
from .trail import audit

TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session and its token; the token is told once, here, and kept nowhere."""

    session: Session
    token: str


def hash_token(token: str) -> str:
    """The form in which a token is stored: SHA-256 suffices, since tokens are 256 random bits."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def open_session(*, user: User, address: str, user_agent: str, seconds: int) -> SignedIn:
    """Store a session of `user` that lasts `seconds`; does not ask for proof."""
    token = secrets.token_urlsafe(32)
    now = timezone.now()
    session = Session(
        user=user,
        token=hash_token(token),
        ip_address=address or None,
        user_agent=user_agent[:255] or None,
        last_active=now,
        expires_at=now + timedelta(seconds=seconds),
    )
    with transaction.atomic():
        session.save(force_insert=True)
        user.last_login = now
        User.objects.filter(pk=user.pk).update(last_login=now)
        audit(f"signed in: {user.username} (session {session.pk})", by=user)
    return SignedIn(session=session, token=token)


def sign_in(*, username: str, password: str, address: str, user_agent: str) -> SignedIn:
    """Sign a browser in; raises Invalid (wrong name or password, one answer for both) or TooMany."""
    user = _prove(username=username, password=password, address=address)
    return open_session(
        user=user, address=address, user_agent=user_agent, seconds=settings.SESSION_COOKIE_AGE
    )


def issue_token(*, username: str, password: str, address: str, user_agent: str) -> SignedIn:
    """Sign a program in; as `sign_in`, but the session ends at a fixed time."""
    user = _prove(username=username, password=password, address=address)
    return open_session(user=user, address=address, user_agent=user_agent, seconds=settings.API_TOKEN_AGE)


def authenticate_token(token: str, *, slide: bool = False) -> Session | None:
    """The live session behind a token, with its user loaded; None if revoked, expired or deactivated.

    Notes that it was active, at most once a minute; with `slide` it then also lasts its full time again.
    """
    now = timezone.now()
    session: Session | None = _live_with.first(token=hash_token(token), now=now)
    if session is not None and (session.last_active is None or session.last_active < now - TOUCH_EVERY):
        session.last_active, session.moved = now, True
        if slide:
            session.expires_at = now + timedelta(seconds=settings.SESSION_COOKIE_AGE)
        Session.objects.filter(pk=session.pk).update(last_active=now, expires_at=session.expires_at)
    return session


@prepared(token=models.CharField(), now=models.DateTimeField())
def _live_with(token: Any, now: Any) -> SessionQuerySet:
    """The live session with this hash, and its user: each request asks for it."""
    return Session.objects.select_related("user").live(now).filter(token=token)


def list_sessions(*, user: User) -> SessionQuerySet:
    """The live sessions of `user`, the last active first."""
    return Session.objects.for_user(user).live(timezone.now()).order_by("-last_active", "-pk")


def sign_out(*, session: Session) -> None:
    """End the session that asks for it; ending it twice is no error."""
    Session.objects.filter(pk=session.pk).delete()
    audit(f"signed out: {session.user.username} (session {session.pk})", by=session.user)


@transaction.atomic
def revoke_session(*, session: Session, by: User) -> None:
    """End one session on its owner's or an operator's word; raises NotFound when it is gone already."""
    deleted, _rows = Session.objects.filter(pk=session.pk).delete()
    if not deleted:
        raise NotFound(_("This session has already ended."))
    audit(f"revoked session {session.pk} of {session.user.username}", by=by)


@transaction.atomic
def revoke_all_sessions(*, user: User, by: User | None, keep: Session | None = None) -> int:
    """End all sessions of `user`, except `keep`; returns how many ended."""
    rows = Session.objects.filter(user=user)
    if keep is not None:
        rows = rows.exclude(pk=keep.pk)
    ended, _rows = rows.delete()
    if ended:
        audit(f"revoked {ended} sessions of {user.username}", by=by)
    return ended


def remove_expired_sessions() -> int:
    """Delete the rows that time has ended; returns how many."""
    deleted, _rows = Session.objects.filter(expires_at__lte=timezone.now()).delete()
    return deleted


def _prove(*, username: str, password: str, address: str) -> User:
    """The active person with this name and password; raises Invalid or TooMany."""
    window = settings.SIGN_IN_WINDOW
    per_account = Limit("sign_in_account", settings.SIGN_IN_ATTEMPTS, window)
    per_address = Limit("sign_in_address", settings.SIGN_IN_ATTEMPTS_PER_ADDRESS, window)
    account = User.normalize_username(username).casefold()
    per_address.count(address)
    per_account.count(account)
    user = authenticate(username=username, password=password)
    if user is None:
        # Without the name: people type their password there by mistake.
        audit(f"sign-in refused to {address or 'an unknown address'}", by=None)
        raise Invalid(
            _("The name or the password is wrong. Check both and try again."), code="wrong_credentials"
        )
    per_account.clear(account)
    per_address.forgive(address)
    assert isinstance(user, User)
    return user
