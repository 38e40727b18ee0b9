"""How people prove who they are to Django: by name and password, with rights from roles."""

from typing import Any

from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from .models import User


class RoleBackend:
    """Authenticates by username and password; permissions are the user model's own business."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_extra: Any,
    ) -> User | None:
        """The active person with this name and password; takes equally long for unknown names."""
        if username is None or password is None:
            return None
        user = User.objects.filter(username=User.normalize_username(username)).first()
        if user is None:
            make_password(password)
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: int) -> User | None:
        """The active person with this key."""
        return User.objects.filter(pk=user_id, is_active=True).first()
