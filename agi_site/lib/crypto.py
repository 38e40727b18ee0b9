"""Encryption at rest with a key ring: the first key encrypts, every key decrypts, so keys can be rotated."""

from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

MASK = "••••••••"


@lru_cache(maxsize=8)
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> str:
    """Return `text` encrypted with the ring's first key."""
    return _ring(tuple(settings.ENCRYPTION_KEYS)).encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    """Return the text behind `token`; raises ImproperlyConfigured if no key of the ring fits."""
    try:
        return _ring(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise ImproperlyConfigured(
            "A stored secret fits none of ENCRYPTION_KEYS; put the key it was stored with back into the ring."
        ) from error


def rotate(token: str) -> str:
    """Return the same secret under the ring's first key."""
    return _ring(tuple(settings.ENCRYPTION_KEYS)).rotate(token.encode()).decode()
