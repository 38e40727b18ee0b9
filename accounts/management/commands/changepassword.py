"""`manage.py changepassword`: Django's own, after which every session of the person ends."""

from typing import Any

from django.contrib.auth.management.commands import changepassword

from accounts import services
from accounts.models import User


class Command(changepassword.Command):
    """Sets a password from the command line."""

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Set it, then sign the person's devices out: rows know nothing of a hash that changed elsewhere."""
        said: str | None = super().handle(*args, **options)
        name = options["username"]
        for user in User.objects.filter(username=name) if name else []:
            services.revoke_all_sessions(user=user, by=None)
        return said
