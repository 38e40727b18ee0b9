"""What a person decides about their memory, and files of memories they bring along (beyond the seed)."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from agi_site.lib.fields import CreatedAtField, EnumField, UpdatedAtField, UUIDKey, enum_check
from agi_site.lib.owned import OwnedModel


class MemorySetting(OwnedModel):
    """Whether a person is remembered at all (table `memory_setting`, beyond the seed); no row means yes."""

    owner_path = "user"

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.DB_CASCADE,
        primary_key=True,
        related_name="memory_setting",
        verbose_name=_("user"),
    )
    enabled = models.BooleanField(_("memory is on"), default=True, db_default=True)
    # Nothing that was said up to then is learnt from any more.
    forgotten_at = models.DateTimeField(_("everything forgotten at"), null=True, blank=True, editable=False)
    updated_at = UpdatedAtField(_("updated at"), null=True)

    class Meta:
        db_table = "memory_setting"
        verbose_name = _("memory setting")
        verbose_name_plural = _("memory settings")

    def __str__(self) -> str:
        return str(self.user_id)


class MemoryImportStatus(models.TextChoices):
    PENDING = "pending", _("waiting")
    RUNNING = "running", _("running")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")


# Why an import failed, by the code in its row; the sentence is in the reader's language.
IMPORT_FAULTS = {
    "broken": _(
        "Something went wrong on the way. What was taken in stays; bring the file again for the rest."
    ),
}


class MemoryImport(OwnedModel):
    """A file of memories that a person brought along, and what came of it (table `memory_import`)."""

    owner_path = "user"

    id = UUIDKey()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DB_CASCADE, related_name="memory_imports", verbose_name=_("user")
    )
    status = EnumField(
        _("status"),
        choices=MemoryImportStatus,
        default=MemoryImportStatus.PENDING,
        db_default=MemoryImportStatus.PENDING,
    )
    # The file, compressed, until it has been taken in.
    document = models.BinaryField(_("file"), null=True, blank=True, editable=False)
    total = models.IntegerField(_("memories in the file"), default=0, db_default=0)
    done = models.IntegerField(_("memories looked at"), default=0, db_default=0)
    report = models.JSONField(_("what came of it"), null=True, blank=True)
    error = models.TextField(_("error"), null=True, blank=True)
    created_at = CreatedAtField(_("created at"), db_index=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        db_table = "memory_import"
        verbose_name = _("import of memories")
        verbose_name_plural = _("imports of memories")
        constraints = [enum_check("memory_import_status_enum", "status", MemoryImportStatus)]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def fault(self) -> str | None:
        """Why it failed, in the reader's language; a code that nobody knows stands for itself."""
        return None if self.error is None else str(IMPORT_FAULTS.get(self.error, self.error))
