"""What a session carries from message to message (table `context`)."""

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import (
    CreatedAtField,
    UpdatedAtField,
    UUIDKey,
)
from agi_site.lib.owned import OwnedModel

from .. import options


class Context(OwnedModel):
    """What a session carries from message to message (table `context`, 5.5.3)."""

    owner_path = "session__user"

    id = UUIDKey()
    session = models.ForeignKey(
        "accounts.Session", models.DB_CASCADE, related_name="contexts", verbose_name=_("session")
    )
    data = models.JSONField(_("data"))
    created_at = CreatedAtField(_("created at"), db_index=True)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "context"
        verbose_name = _("context")
        verbose_name_plural = _("contexts")

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def expires_at(self) -> datetime:
        """When it is forgotten, unless the session goes on before."""
        since: datetime = self.updated_at or self.created_at
        return since + timedelta(hours=options.context_hours())

    @property
    def expired(self) -> bool:
        """Whether the session has been silent for so long that it starts anew."""
        return self.expires_at < timezone.now()
