"""The images of the starter templates, made of this machine's own files where a host lacks them."""

import logging
from typing import Any

from ..engine import EngineError
from ..images import RECIPES
from ..images.make import make_image
from ..models import SandboxTemplate

logger = logging.getLogger(__name__)


def make_missing(engine: Any) -> list[str]:
    """Make what active templates want and a recipe can give; returns the names. Takes seconds, and only once.

    What cannot be made here (its programs are not on this machine) is said in the log; its template then
    has to wait for an operator who brings the image.
    """
    there = engine.images()
    rows = SandboxTemplate.objects.filter(is_active=True, image_tag="latest", image_name__in=list(RECIPES))
    made = []
    for name in sorted(set(rows.values_list("image_name", flat=True))):
        if f"{name}:latest" in there:
            continue
        try:
            make_image(engine.client, name)
        except (EngineError, OSError) as error:
            logger.warning("the image %s could not be made here: %s", name, error)
        else:
            logger.info("the image %s was made of this machine's files", name)
            made.append(name)
    return made
