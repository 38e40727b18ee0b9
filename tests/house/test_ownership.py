"""Every row belongs to someone: each model says whose its rows are, or why they are everyone's."""

import pytest
from django.apps import apps
from django.db import models

from accounts.models import User
from agi_site.lib.owned import OwnedModel, SharedModel

from .test_architecture import APPS

OURS = [model for app in APPS for model in apps.get_app_config(app).get_models()]
ON_NEITHER_LIST = {User: "a person is their own owner; `User.objects.for_user` says who sees whom"}


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_a_model_is_owned_or_shared_with_a_reason(model: type[models.Model]) -> None:
    if model in ON_NEITHER_LIST:
        assert hasattr(model._default_manager, "for_user")
    elif issubclass(model, SharedModel):
        assert len(model.shared_because) > 15
    else:
        assert issubclass(model, OwnedModel)
        assert owner_of(model) is User


def owner_of(model: type[models.Model]) -> type[models.Model]:
    """The model at the end of the owner's path."""
    for step in model.owner_path.split("__"):
        model = model._meta.get_field(step).related_model
    return model


@pytest.mark.parametrize(
    "model", [m for m in OURS if issubclass(m, OwnedModel)], ids=lambda model: model.__name__
)
@pytest.mark.django_db
def test_a_visitor_owns_nothing(model: type[OwnedModel]) -> None:
    from django.contrib.auth.models import AnonymousUser

    assert not model.objects.for_user(AnonymousUser()).exists()
    assert not model.objects.for_user(None).exists()
