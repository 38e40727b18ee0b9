"""Documents that were imported, and where in them a passage stands."""

import agi_site.lib.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("knowledge", "0004_memory_life"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="KnowledgeImport",
            fields=[
                ("id", agi_site.lib.fields.UUIDKey(serialize=False)),
                ("total", models.PositiveIntegerField(db_default=0, default=0, verbose_name="documents")),
                ("tags", models.JSONField(blank=True, default=list, verbose_name="tags")),
                ("created_at", agi_site.lib.fields.CreatedAtField(verbose_name="created at")),
            ],
            options={
                "verbose_name": "knowledge import",
                "verbose_name_plural": "knowledge imports",
                "db_table": "knowledge_import",
            },
        ),
        migrations.AddField(
            model_name="knowledge",
            name="content_hash",
            field=agi_site.lib.fields.ExactCharField(
                blank=True,
                db_index=True,
                editable=False,
                max_length=64,
                null=True,
                verbose_name="content hash",
            ),
        ),
        migrations.AddField(
            model_name="knowledge",
            name="position",
            field=models.PositiveIntegerField(blank=True, editable=False, null=True, verbose_name="position"),
        ),
        migrations.CreateModel(
            name="KnowledgeDocument",
            fields=[
                ("id", agi_site.lib.fields.UUIDKey(serialize=False)),
                (
                    "kind",
                    agi_site.lib.fields.EnumField(
                        choices=[("file", "file"), ("url", "web address")],
                        db_default="file",
                        default="file",
                        max_length=4,
                        verbose_name="kind",
                    ),
                ),
                ("title", models.CharField(max_length=255, verbose_name="title")),
                ("source", models.CharField(max_length=2000, verbose_name="source")),
                (
                    "media_type",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=100, verbose_name="media type"
                    ),
                ),
                ("size", models.PositiveBigIntegerField(db_default=0, default=0, verbose_name="bytes")),
                (
                    "sha256",
                    agi_site.lib.fields.ExactCharField(
                        blank=True, max_length=64, null=True, unique=True, verbose_name="SHA-256"
                    ),
                ),
                ("source_key", agi_site.lib.fields.ExactCharField(max_length=64, verbose_name="source key")),
                (
                    "status",
                    agi_site.lib.fields.EnumField(
                        choices=[
                            ("waiting", "waiting"),
                            ("reading", "being read"),
                            ("indexing", "being indexed"),
                            ("ready", "ready"),
                            ("skipped", "known already"),
                            ("failed", "failed"),
                        ],
                        db_default="waiting",
                        db_index=True,
                        default="waiting",
                        editable=False,
                        max_length=8,
                        verbose_name="status",
                    ),
                ),
                (
                    "reason_code",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        editable=False,
                        max_length=50,
                        verbose_name="reason",
                    ),
                ),
                (
                    "reason_values",
                    models.JSONField(blank=True, editable=False, null=True, verbose_name="reason's details"),
                ),
                (
                    "passage_count",
                    models.PositiveIntegerField(
                        db_default=0, default=0, editable=False, verbose_name="passages"
                    ),
                ),
                (
                    "done_count",
                    models.PositiveIntegerField(
                        db_default=0, default=0, editable=False, verbose_name="passages done"
                    ),
                ),
                ("counts", models.JSONField(blank=True, editable=False, null=True, verbose_name="counts")),
                (
                    "shared_passages",
                    models.JSONField(
                        blank=True, editable=False, null=True, verbose_name="passages of others"
                    ),
                ),
                ("tags", models.JSONField(blank=True, default=list, verbose_name="tags")),
                (
                    "stored",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=255, verbose_name="stored file"
                    ),
                ),
                (
                    "rescues",
                    models.PositiveSmallIntegerField(
                        db_default=0, default=0, editable=False, verbose_name="rescues"
                    ),
                ),
                ("created_at", agi_site.lib.fields.CreatedAtField(verbose_name="created at")),
                ("updated_at", agi_site.lib.fields.UpdatedAtField(null=True, verbose_name="updated at")),
                (
                    "read_at",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="last read"),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.DB_SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="created by",
                    ),
                ),
            ],
            options={
                "verbose_name": "knowledge document",
                "verbose_name_plural": "knowledge documents",
                "db_table": "knowledge_document",
            },
        ),
        migrations.AddField(
            model_name="knowledge",
            name="document",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.DB_CASCADE,
                related_name="passages",
                to="knowledge.knowledgedocument",
                verbose_name="knowledge document",
            ),
        ),
        migrations.AddIndex(
            model_name="knowledge",
            index=models.Index(fields=["document", "position"], name="knowledge_document_place_idx"),
        ),
        migrations.AddField(
            model_name="knowledgeimport",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.DB_SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="created by",
            ),
        ),
        migrations.AddField(
            model_name="knowledgedocument",
            name="batch",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.DB_SET_NULL,
                related_name="documents",
                to="knowledge.knowledgeimport",
                verbose_name="knowledge import",
            ),
        ),
        migrations.AddIndex(
            model_name="knowledgedocument",
            index=models.Index(fields=["batch", "status"], name="knowledge_document_batch_idx"),
        ),
        migrations.AddIndex(
            model_name="knowledgedocument",
            index=models.Index(fields=["source_key"], name="knowledge_document_source_idx"),
        ),
        migrations.AddConstraint(
            model_name="knowledgedocument",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["file", "url"])), name="knowledge_document_kind_enum"
            ),
        ),
        migrations.AddConstraint(
            model_name="knowledgedocument",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status__in", ["waiting", "reading", "indexing", "ready", "skipped", "failed"])
                ),
                name="knowledge_document_status_enum",
            ),
        ),
    ]
