"""What a new installation can make sandboxes of: four templates and their images, on the allow-list.

Descriptions are stored in English and shown in the reader's language. What an operator changed stays.
"""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop

from .models import SandboxImage, SandboxTemplate
from .policy.limits import GB, MB

TAG = "latest"
LOCALE = {"LANG": "C.UTF-8"}

# name -> image, description, what differs from the defaults
TEMPLATES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Python": (
        "agi-sandbox-python",
        gettext_noop("Python and a shell: for code, scripts and small programs. No network."),
        {"config": {"languages": ["python", "shell"], "pool": {"min": 2, "max": 12}}},
    ),
    "Python + data": (
        "agi-sandbox-data",
        gettext_noop("Python with libraries for data (NumPy, pandas): for tables and figures. No network."),
        {
            "config": {"languages": ["python", "shell"], "pool": {"min": 1, "max": 6}},
            "resource_config": {"memory_limit": 1 * GB, "disk_limit": 2 * GB},
        },
    ),
    "Node": (
        "agi-sandbox-node",
        gettext_noop("Node.js and a shell: for JavaScript. No network."),
        {
            "config": {"languages": ["javascript", "shell"], "pool": {"min": 1, "max": 6}},
            "resource_config": {"memory_limit": 768 * MB},
        },
    ),
    "Shell": (
        "agi-sandbox-shell",
        gettext_noop("A shell with the usual small programs: for files and text. No network."),
        {
            "config": {"languages": ["shell"], "pool": {"min": 1, "max": 6}},
            "resource_config": {"memory_limit": 256 * MB, "tmp_limit": 64 * MB, "shm_limit": 32 * MB},
        },
    ),
}


@transaction.atomic
def load() -> None:
    """Store the images and templates that are missing."""
    for name, (image, description, values) in TEMPLATES.items():
        SandboxImage.objects.get_or_create(name=image, tag=TAG, defaults={"description": description})
        SandboxTemplate.objects.get_or_create(
            name=name,
            defaults={
                "description": description,
                "image_name": image,
                "image_tag": TAG,
                "config": {"env": LOCALE, **values["config"]},
                "resource_config": values.get("resource_config") or {},
                "security_config": {},
            },
        )
