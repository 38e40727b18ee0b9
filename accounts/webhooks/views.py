"""Pages of webhooks, below the account menu."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, flash, form_page, page, paged

from . import services
from .forms import WebhookForm
from .models import Webhook, WebhookDelivery

# A new secret is shown on one page, once.
SHOWN_ONCE = "accounts/webhooks/secret.html"


@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    """One's own webhooks."""
    rows = paged(request, Webhook.objects.for_user(request.user), order=["-pk"])
    return page(request, "accounts/webhooks/list.html", "rows", webhooks=rows)


@never_cache
@form_page
def webhook_new(request: HttpRequest) -> HttpResponse:
    """Add a webhook; the page after it shows the secret."""
    form = WebhookForm(request.POST or None)
    status = 400 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        try:
            webhook = services.create_webhook(owner=request.user, **form.values())
        except Problem as problem:
            add_problem(form, problem)
            status = problem.status
        else:
            return page(request, SHOWN_ONCE, webhook=webhook, secret=services.secret_of(webhook))
    return page(request, "accounts/webhooks/form.html", form=form, status=status)


@form_page
def webhook_change(request: HttpRequest, pk: str) -> HttpResponse:
    """Change a webhook."""
    webhook = get_object_or_404(Webhook.objects.for_user(request.user), pk=pk)
    form = WebhookForm(request.POST or None, initial=WebhookForm.initial_of(webhook))
    status = 400 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        try:
            services.change_webhook(webhook=webhook, by=request.user, **form.values())
        except Problem as problem:
            add_problem(form, problem)
            status = problem.status
        else:
            messages.success(request, _("The webhook is saved."))
            return redirect("accounts:webhook", pk)
    return page(request, "accounts/webhooks/form.html", form=form, webhook=webhook, status=status)


@require_safe
def webhook_detail(request: HttpRequest, pk: str) -> HttpResponse:
    """A webhook and its deliveries."""
    webhook = get_object_or_404(Webhook.objects.for_user(request.user), pk=pk)
    deliveries = paged(request, webhook.deliveries.all(), order=["-pk"], size=20)
    return page(request, "accounts/webhooks/detail.html", "rows", webhook=webhook, deliveries=deliveries)


@require_POST
def webhook_test(request: HttpRequest, pk: str) -> HttpResponse:
    """Send a test event."""
    services.send_test(
        webhook=get_object_or_404(Webhook.objects.for_user(request.user), pk=pk), by=request.user
    )
    messages.success(request, _("A test event is on its way."))
    return redirect("accounts:webhook", pk)


@never_cache
@require_POST
def webhook_rotate(request: HttpRequest, pk: str) -> HttpResponse:
    """Give it a new secret and show that."""
    webhook = get_object_or_404(Webhook.objects.for_user(request.user), pk=pk)
    secret = services.rotate_secret(webhook=webhook, by=request.user)
    return page(request, SHOWN_ONCE, webhook=webhook, secret=secret, rotated=True)


@require_POST
def webhook_delete(request: HttpRequest, pk: str) -> HttpResponse:
    """Let it go."""
    services.delete_webhook(
        webhook=get_object_or_404(Webhook.objects.for_user(request.user), pk=pk), by=request.user
    )
    messages.success(request, _("The webhook is deleted."))
    return redirect("accounts:webhooks")


@require_POST
def delivery_again(request: HttpRequest, pk: str) -> HttpResponse:
    """Send a delivery once more."""
    delivery = get_object_or_404(WebhookDelivery.objects.for_user(request.user), pk=pk)
    try:
        services.redeliver(delivery=delivery, by=request.user)
    except Problem as problem:
        flash(request, problem)
    else:
        messages.success(request, _("It is on its way again."))
    return redirect("accounts:webhook", delivery.webhook_id)
