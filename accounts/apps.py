from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People: users, roles, permissions and sessions."""

    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        from agi_site.lib import targets
        from system.services import webhooks as told

        from . import cookies
        from .webhooks import services as webhooks

        told.declare("webhook", [webhooks.TEST_EVENT.removeprefix("webhook.")])
        told.listen(hears=webhooks.is_heard, takes=webhooks.emit)
        targets.register("webhook", lambda: self.get_model("Webhook"))

        user_logged_in.connect(cookies.keep_row_of_django_login, dispatch_uid="accounts.keep_row")
        user_logged_out.connect(cookies.end_row_of_django_logout, dispatch_uid="accounts.end_row")
