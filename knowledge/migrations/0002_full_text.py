"""Full-text indexes: one on each companion table, and the seed's own on `knowledge`."""

from django.db import migrations

from agi_site.lib.fulltext import AddFullText

# The seed's FULLTEXT(title, content). Searching uses the companion table, which finds the same on every engine.
INDEX = "knowledge_title_content_fulltext"


def add_seed_index(apps, schema_editor):
    connection = schema_editor.connection
    if connection.vendor != "mysql":
        return
    parser = "" if connection.mysql_is_mariadb else " WITH PARSER ngram"  # MariaDB has no such parser
    schema_editor.execute(
        f"ALTER TABLE `knowledge` ADD FULLTEXT INDEX `{INDEX}` (`title`, `content`){parser}"
    )


def remove_seed_index(apps, schema_editor):
    if schema_editor.connection.vendor == "mysql":
        schema_editor.execute(f"ALTER TABLE `knowledge` DROP INDEX `{INDEX}`")


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0001_initial")]

    operations = [
        AddFullText("KnowledgeSearch"),
        AddFullText("MemorySearch"),
        migrations.RunPython(add_seed_index, remove_seed_index, atomic=False),
    ]
