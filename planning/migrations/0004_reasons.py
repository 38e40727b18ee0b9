"""Why a step was left out or a run ended, as data beside the sentence: readers have languages of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("planning", "0003_proposals")]

    operations = [
        migrations.AddField(
            model_name=name,
            name="why",
            field=models.JSONField(blank=True, editable=False, null=True, verbose_name="reason as data"),
        )
        for name in ("planexecution", "planstepexecution")
    ]
