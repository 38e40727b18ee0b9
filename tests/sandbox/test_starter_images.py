"""The images of the starter templates: made where a host lacks them."""

import pytest

from sandbox.lifecycle import starter_images
from sandbox.models import SandboxTemplate


class Machine:
    """An engine with some images; `client` is what images are stored by."""

    def __init__(self, *there: str) -> None:
        self.there, self.client = set(there), self

    def images(self) -> dict[str, str]:
        return dict.fromkeys(self.there, "sha256:1")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def make(_store: object, name: str) -> str:
        if name == "agi-sandbox-node":
            raise FileNotFoundError("node")
        names.append(name)
        return name

    monkeypatch.setattr(starter_images, "make_image", make)
    return names


@pytest.mark.django_db
def test_only_what_an_active_template_lacks_is_made(made: list[str]) -> None:
    for name, active in (("python", True), ("shell", True), ("data", False), ("node", True)):
        SandboxTemplate.objects.create(name=name, image_name=f"agi-sandbox-{name}", is_active=active)
    SandboxTemplate.objects.create(name="own", image_name="team/own")
    starter_images.make_missing(Machine("agi-sandbox-shell:latest"))
    assert made == ["agi-sandbox-python"]
