from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People: users, roles, permissions and sessions."""

    name = "accounts"
    verbose_name = _("Accounts")
