"""Runs of sandboxes, so far told by events of the kind “ran”; those of the last day still count."""

from datetime import timedelta
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone

import agi_site.lib.fields


def take_over(apps: Any, schema_editor: Any) -> None:
    """Write down as runs what events of the last day say."""
    event, run = apps.get_model("sandbox", "SandboxEvent"), apps.get_model("sandbox", "SandboxRun")
    told = event.objects.filter(kind="ran", created_at__gte=timezone.now() - timedelta(hours=24))
    rows = told.values_list("sandbox_id", "sandbox__user_id", "created_at", "data__seconds")
    run.objects.bulk_create(
        [
            run(
                sandbox_id=sandbox,
                user_id=user,
                started_at=ended - timedelta(seconds=seconds),
                ended_at=ended,
                seconds=seconds,
            )
            for sandbox, user, ended, seconds in rows
            if seconds
        ],
        batch_size=500,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("sandbox", "0001_squashed_0005_user_status"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SandboxRun",
            fields=[
                ("id", agi_site.lib.fields.UUIDKey(serialize=False)),
                ("started_at", models.DateTimeField(verbose_name="started at")),
                ("ended_at", models.DateTimeField(verbose_name="ended at")),
                ("seconds", models.FloatField(verbose_name="seconds")),
                (
                    "sandbox",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="runs",
                        to="sandbox.sandbox",
                        verbose_name="sandbox",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.DB_CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "sandbox run",
                "verbose_name_plural": "sandbox runs",
                "db_table": "sandbox_run",
                "indexes": [
                    models.Index(
                        fields=["user", "ended_at", "started_at", "seconds"],
                        name="idx_sandbox_run_user_ended",
                    )
                ],
            },
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop, elidable=True),
    ]
