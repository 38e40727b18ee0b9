"""Signing in and out, passwords, roles and sessions."""

import hashlib

from django.utils import timezone

from .models import Session


def hash_token(token: str) -> str:
    """The form in which a token is stored: SHA-256, since tokens are long and random."""
    return hashlib.sha256(token.encode()).hexdigest()


def authenticate_token(token: str) -> Session | None:
    """The live session behind a token, with its user loaded; None if revoked, expired or deactivated."""
    return (
        Session.objects.select_related("user")
        .filter(token=hash_token(token), expires_at__gt=timezone.now(), user__is_active=True)
        .first()
    )
