from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People: users, roles, permissions and sessions."""

    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from . import cookies

        user_logged_in.connect(cookies.keep_row_of_django_login, dispatch_uid="accounts.keep_row")
        user_logged_out.connect(cookies.end_row_of_django_logout, dispatch_uid="accounts.end_row")
