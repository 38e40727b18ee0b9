"""Bytes of a sandbox as an answer that browsers save and never show."""

from django.http import HttpRequest, HttpResponseBase

from agi_site.lib.downloads import send_source, send_stream

from .files import Download


def send(request: HttpRequest, download: Download) -> HttpResponseBase:
    """A download as an attachment, or the part of it that is asked for where all of it lies ready."""
    if download.whole is None:
        return send_stream(download, close=download.close, name=download.name)
    return send_source(request, download.whole, name=download.name, version=download.whole.sha256)
