from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AgiSiteConfig(AppConfig):
    """The roof: home page, shared templates and static files, commands that concern the whole system."""

    name = "agi_site"
    verbose_name = _("AGI Site")
