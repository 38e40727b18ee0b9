"""The full-text index over the words of messages."""

from django.db import migrations

from agi_site.lib.fulltext import AddFullText


class Migration(migrations.Migration):
    dependencies = [("conversations", "0001_initial")]

    operations = [AddFullText("MessageSearch")]
