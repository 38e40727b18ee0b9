"""The roof of the house: settings, routes, servers and the pages that look over every app."""

from agi_site.celery import app as celery_app

__all__ = ["celery_app"]
