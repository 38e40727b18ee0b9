"""One valid row in every table, made from the models' own fields: something that migrations must not lose."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db import models
from django.utils import timezone

# Rows whose check constraints ask for more than a field can tell.
SPECIAL: dict[str, dict[str, Any]] = {}


def every_model() -> list[type[models.Model]]:
    """Each concrete model with a table, those that others refer to first."""
    waiting = [m for m in apps.get_models(include_auto_created=True) if m._meta.managed and not m._meta.proxy]
    done: list[type[models.Model]] = []
    while waiting:
        ready = [m for m in waiting if all(target in done or target is m for target in required_targets(m))]
        if not ready:
            raise RuntimeError(f"models refer to each other in a ring: {[m._meta.label for m in waiting]}")
        done += ready
        waiting = [m for m in waiting if m not in ready]
    return done


def required_targets(model: type[models.Model]) -> list[type[models.Model]]:
    """The models that a row of this one must point to."""
    relations = [f for f in model._meta.concrete_fields if f.is_relation and f.remote_field and not f.null]
    return [field.remote_field.model for field in relations]


def value_for(field: models.Field) -> Any:
    """A valid value for a field that has no default."""
    if field.flatchoices:
        return field.flatchoices[0][0]
    examples: list[tuple[type[models.Field], Any]] = [
        (models.JSONField, {"kept": "기억"}),
        (models.BooleanField, True),
        (models.DecimalField, Decimal("0.5")),
        (models.FloatField, 0.5),
        (models.IntegerField, 7),
        (models.DateTimeField, timezone.now() + timedelta(days=1)),
        (models.DateField, timezone.now().date()),
        (models.BinaryField, b"\x00\x01\x02\x03"),
        (models.EmailField, "kept@example.com"),
        (models.SlugField, "kept"),
        (models.CharField, "기억"),
        (models.TextField, "A text that must survive. 남아 있어야 하는 글."),
    ]
    return next(value for kind, value in examples if isinstance(field, kind))


def fill_every_table() -> int:
    """Store one row in each empty table; returns how many tables then have rows."""
    models_in_order = every_model()
    for model in models_in_order:
        if model._base_manager.exists():
            continue
        values = dict(SPECIAL.get(model._meta.label, {}))
        for field in model._meta.concrete_fields:
            if (
                field.name in values
                or field.has_default()
                or isinstance(field, models.AutoField | models.GeneratedField)
            ):
                continue
            if field.is_relation:
                if not field.null or field.name == "user":
                    values[field.name] = field.remote_field.model._base_manager.first()
            elif not field.null or not field.blank:
                values[field.name] = value_for(field)
        model._base_manager.bulk_create([model(**values)])
    return len(models_in_order)
