import agi_site.lib.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_webhooks"),
        ("knowledge", "0002_full_text"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="MemorySetting",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        primary_key=True,
                        related_name="memory_setting",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
                ("enabled", models.BooleanField(db_default=True, default=True, verbose_name="memory is on")),
                (
                    "forgotten_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="everything forgotten at"
                    ),
                ),
                ("updated_at", agi_site.lib.fields.UpdatedAtField(null=True, verbose_name="updated at")),
            ],
            options={
                "verbose_name": "memory setting",
                "verbose_name_plural": "memory settings",
                "db_table": "memory_setting",
            },
        ),
        migrations.CreateModel(
            name="MemoryImport",
            fields=[
                ("id", agi_site.lib.fields.UUIDKey(serialize=False)),
                (
                    "status",
                    agi_site.lib.fields.EnumField(
                        choices=[
                            ("pending", "waiting"),
                            ("running", "running"),
                            ("completed", "completed"),
                            ("failed", "failed"),
                        ],
                        db_default="pending",
                        default="pending",
                        max_length=9,
                        verbose_name="status",
                    ),
                ),
                ("document", models.BinaryField(blank=True, null=True, verbose_name="file")),
                ("total", models.IntegerField(db_default=0, default=0, verbose_name="memories in the file")),
                ("done", models.IntegerField(db_default=0, default=0, verbose_name="memories looked at")),
                ("report", models.JSONField(blank=True, null=True, verbose_name="what came of it")),
                ("error", models.TextField(blank=True, null=True, verbose_name="error")),
                ("created_at", agi_site.lib.fields.CreatedAtField(db_index=True, verbose_name="created at")),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="finished at")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="memory_imports",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "import of memories",
                "verbose_name_plural": "imports of memories",
                "db_table": "memory_import",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["pending", "running", "completed", "failed"])),
                        name="memory_import_status_enum",
                    )
                ],
            },
        ),
    ]
