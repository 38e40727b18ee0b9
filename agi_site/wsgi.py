"""Pages and REST, served by WSGI in the full stack."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")
application = get_wsgi_application()

from system.queue import registry  # noqa: E402 - Django has to be set up first

registry.load()  # now, and not inside the transaction of the first request that stores a task
