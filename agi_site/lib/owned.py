"""Who may see a row. Every model is either owned by a person or shared by the team, with a reason.

Each door starts from `Model.objects.for_user(user)`; a row outside of it does not exist for that person:
they get 404.
"""

from typing import Any, ClassVar, Self

from django.db import models


class OwnedQuerySet(models.QuerySet[Any, Any]):
    """Rows of one person, found by following `owner_path` to the user."""

    def for_user(self, user: Any) -> Self:
        """Keep the rows that belong to `user`; an anonymous visitor owns nothing."""
        if user is None or not user.is_authenticated:
            return self.none()
        return self.filter(**{self.model.owner_path: user.pk})


class SharedQuerySet(models.QuerySet[Any, Any]):
    """Rows of the whole team, read by those whose role allows it."""

    def for_user(self, user: Any) -> Self:
        """Keep everything for people who hold the model's view permission, and nothing for others."""
        meta = self.model._meta
        if user is not None and user.has_perm(f"{meta.app_label}.view_{meta.model_name}"):
            return self
        return self.none()


class OwnedModel(models.Model):
    """A row that belongs to one person. `owner_path` is the lookup from the row to that person."""

    owner_path: ClassVar[str]
    objects = OwnedQuerySet.as_manager()

    class Meta:
        abstract = True


class SharedModel(models.Model):
    """A row that belongs to the team. `shared_because` says why it has no single owner."""

    shared_because: ClassVar[str]
    objects = SharedQuerySet.as_manager()

    class Meta:
        abstract = True
