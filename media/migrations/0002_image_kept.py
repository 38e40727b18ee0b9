from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("media", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="imagemetadata",
            name="kept",
            field=models.BooleanField(db_default=True, default=True, verbose_name="kept"),
        ),
    ]
