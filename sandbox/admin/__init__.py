"""Admin of sandboxes: hosts and pools, templates, images and builds, quarantine; the rest as history."""

from . import executions, hosts, images, quarantine, sandboxes, templates

__all__ = ["executions", "hosts", "images", "quarantine", "sandboxes", "templates"]
