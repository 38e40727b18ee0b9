"""Streams in the full stack, everything when embedded, served by ASGI."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")
application = get_asgi_application()
