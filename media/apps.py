from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from agi_site.lib import targets


class MediaConfig(AppConfig):
    """Images, audio and video: their metadata, tags and detected objects."""

    name = "media"
    verbose_name = _("Media")

    def ready(self) -> None:
        targets.register("image", lambda: self.get_model("ImageMetadata"))
        targets.register("audio", lambda: self.get_model("AudioMetadata"))
        targets.register("video", lambda: self.get_model("VideoMetadata"))
