"""Pages and REST, served by WSGI in the full stack."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")
application = get_wsgi_application()

from agi_site import ahead  # noqa: E402 - Django has to be set up first

ahead.load()
