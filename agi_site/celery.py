"""Celery, the transport of the task queue: in memory when embedded, Redis in the full stack."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agi_site.settings")

app = Celery("agi_site")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
