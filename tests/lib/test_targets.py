import pytest

from agi_site.lib import targets
from agi_site.lib.problems import Invalid, NotFound
from planning.models import Plan


@pytest.fixture
def plan(alice):
    return Plan.objects.create(user=alice, title="trip")


def test_a_row_of_ones_own_is_found(plan, alice) -> None:
    assert targets.resolve(target_type="plan", target_id=plan.pk, user=alice) == plan


def test_someone_elses_row_does_not_exist(plan, bob) -> None:
    with pytest.raises(NotFound):
        targets.resolve(target_type="plan", target_id=plan.pk, user=bob)


def test_an_unknown_type_is_refused_and_the_known_ones_are_named(alice) -> None:
    with pytest.raises(Invalid, match="plan"):
        targets.resolve(target_type="spaceship", target_id="1", user=alice)


def test_an_id_of_the_wrong_kind_is_not_found_instead_of_failing(alice) -> None:
    with pytest.raises(NotFound):
        targets.resolve(target_type="plan_step", target_id="not a number", user=alice)


def test_a_missing_row_shows_as_deleted(plan, alice) -> None:
    key = plan.pk
    assert targets.label(target_type="plan", target_id=key, user=alice) == "trip"
    plan.delete()
    assert targets.label(target_type="plan", target_id=key, user=alice) == "deleted"


def test_a_tag_on_a_file_that_is_not_ones_own_is_refused_over_rest(alice, bob, api_of) -> None:
    from media.models import ImageMetadata

    image = ImageMetadata.objects.create(user=alice, filename="cat.png", path="a/cat.png")
    tag = {"media_type": "image", "media_id": image.pk, "tag": "cat"}
    assert api_of(alice).post("/api/v1/media-tags/", tag).status_code == 201
    refused = api_of(bob).post("/api/v1/media-tags/", tag)
    assert refused.status_code == 400
    assert "media_id" in refused.json()["errors"]
