"""The fixtures of these tests: real sandboxes, as the tests of the app below have them."""

from tests.sandbox.conftest import *  # noqa: F403
