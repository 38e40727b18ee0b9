"""Earlier answers get receipts of what they cite, and the texts of memories leave their records."""

from itertools import batched

from django.db import migrations

BATCH = 500


def _without_memory_text(citations):
    """Citations as they are kept from now on: those of memories name the row, and hold none of its text."""
    return [one | {"title": ""} if one.get("kind") == "memory" else one for one in citations]


def _receipts(model, message_id, citations):
    seen = set()
    for rank, cited in enumerate(citations, start=1):
        key = (cited.get("kind"), str(cited.get("id", "")))
        if key[0] not in ("knowledge", "memory") or not key[1] or key in seen or len(key[1]) > 36:
            continue
        seen.add(key)
        yield model(
            message_id=message_id,
            kind=key[0],
            row_id=key[1],
            number=cited.get("n"),
            rank=rank,
            score=0.0,
            parts={},
            used=True,
            cited=True,
        )


def give_receipts(apps, schema_editor):
    message_model = apps.get_model("conversations", "Message")
    receipt_model = apps.get_model("conversations", "RecallReceipt")
    rows = message_model.objects.filter(role="assistant").only("pk", "metadata").order_by("pk")
    for some in batched(rows.iterator(chunk_size=BATCH), BATCH):
        cites = [row for row in some if (row.metadata or {}).get("citations")]
        made = []
        for row in cites:
            made += _receipts(receipt_model, row.pk, row.metadata["citations"])
            row.metadata = row.metadata | {"citations": _without_memory_text(row.metadata["citations"])}
        receipt_model.objects.bulk_create(made, ignore_conflicts=True)
        message_model.objects.bulk_update(cites, ["metadata"])


def take_text_out_of_features(apps, schema_editor):
    """A feature that is a memory says its number only; the memory itself is read where it is shown."""
    feature_model = apps.get_model("explanations", "ExplanationFeature")
    rows = feature_model.objects.filter(feature_name="memory").order_by("pk")
    for some in batched(rows.iterator(chunk_size=BATCH), BATCH):
        for row in some:
            row.feature_value = row.feature_value.partition(" ")[0]
        feature_model.objects.bulk_update(some, ["feature_value"])


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0003_recall_receipts"),
        ("explanations", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(give_receipts, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(take_text_out_of_features, migrations.RunPython.noop, elidable=True),
    ]
