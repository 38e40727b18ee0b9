from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MediaConfig(AppConfig):
    """Images, audio and video: their metadata, tags and detected objects."""

    name = "media"
    verbose_name = _("Media")
