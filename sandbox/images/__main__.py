"""`python -m sandbox.images [name ...]`: make images on the engine of DOCKER_HOST (scripts/sandbox-image)."""

import os
import sys

from sandbox.engine import DockerHost, EngineError

from .make import make_images
from .recipes import RECIPES


def main(names: list[str]) -> int:
    """Make the named images, or all."""
    if unknown := sorted(set(names) - set(RECIPES)):
        there = ", ".join(RECIPES)
        sys.stderr.write(f"There are no such images: {', '.join(unknown)}. There are: {there}.\n")
        return 2
    host = DockerHost("images", os.environ.get("DOCKER_HOST", ""), "images")
    try:
        make_images(host, names or RECIPES, on_log=lambda line: print(line, flush=True))  # noqa: T201
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        host.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
