"""What accounts does outside of a request: e-mail, and sweeping out sessions that have expired."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from system.queue import TaskRun, periodic, task_type

from . import services
from .models import User
from .webhooks import tasks as webhook_tasks  # noqa: F401 - importing them registers them


@task_type(services.RESET_TASK, time_limit=60)
def send_password_reset(task: TaskRun, *, email: str, base_url: str, language: str) -> None:
    """Send each active person with this address a link, in their language; nothing if there is none.

    The link is made here, so that it stands in the message only and never in the queue.
    """
    for user in User.objects.filter(email__iexact=email, is_active=True):
        with translation.override(user.language or language or settings.LANGUAGE_CODE):
            uid, token = services.make_reset_link(user=user)
            path = reverse("accounts:password_reset_confirm", args=[uid, token])
            context = {
                "user": user,
                "link": base_url + path,
                "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
            }
            subject = _("A new password for %(name)s") % {"name": user.username}
            body = render_to_string("accounts/email/password_reset.txt", context)
        EmailMessage(subject=subject, body=body, to=[user.email]).send()


@periodic("accounts.remove_expired_sessions", every=3600)
def remove_expired_sessions() -> None:
    """Delete the rows of sessions that time has ended."""
    services.remove_expired_sessions()
