"""The pages of signing in and of one's own account."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, resolve_url
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django.views.i18n import set_language as django_set_language

from agi_site.lib.problems import Problem
from agi_site.lib.web import add_problem, form_page, page

from . import cookies, forms, services
from .devices import NAMED, address_of, user_agent_of


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@form_page
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for name and password, then go on to where the person was heading."""
    if request.method != "POST":
        if request.user.is_authenticated and not _next(request, default=""):
            return redirect(settings.LOGIN_REDIRECT_URL)
        return _sign_in_page(request, forms.SignInForm())
    form = forms.SignInForm(request.POST)
    if not form.is_valid():
        return _sign_in_page(request, form, status=400)
    try:
        signed_in = services.sign_in(
            **form.cleaned_data, address=address_of(request), user_agent=user_agent_of(request)
        )
    except Problem as problem:
        add_problem(form, problem)
        return _sign_in_page(request, form, status=problem.status, problem=problem)
    return _enter(request, signed_in, _next(request))


@login_not_required
@never_cache
def admin_sign_in(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """Send those who want into the admin to the one sign-in page, and staff on."""
    if request.user.is_authenticated and request.user.is_staff:
        return redirect(_next(request, default=reverse("admin:index")))
    wanted = _next(request, default=reverse("admin:index"))
    return redirect(reverse("accounts:sign_in", query={"next": wanted}))


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@form_page
def sign_up(request: HttpRequest) -> HttpResponse:
    """Make an account and sign in with it."""
    if not settings.SIGN_UP_OPEN:
        return page(request, "accounts/sign_up_closed.html", status=403)
    form = forms.SignUpForm(request.POST or None)
    status = 400 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        address, user_agent = address_of(request), user_agent_of(request)
        try:
            user = services.sign_up(**given, address=address, language=translation.get_language() or "")
            signed_in = services.open_session(
                user=user, address=address, user_agent=user_agent, seconds=settings.SESSION_COOKIE_AGE
            )
        except Problem as problem:
            add_problem(form, problem)
            status = problem.status
        else:
            return _enter(request, signed_in, _next(request))
    return page(request, "accounts/sign_up.html", form=form, next=_next(request, default=""), status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this session."""
    if request.session_row is not None:
        services.sign_out(session=request.session_row)
    cookies.forget(request)
    messages.success(request, _("You are signed out."))
    return redirect(settings.LOGOUT_REDIRECT_URL)


@never_cache
@sensitive_post_parameters()
@form_page
def password_change(request: HttpRequest) -> HttpResponse:
    """Change one's own password; the other devices are signed out."""
    form = forms.PasswordChangeForm(request.POST or None)
    status = 400 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        try:
            services.change_password(
                user=request.user,
                current=form.cleaned_data["current"],
                new=form.cleaned_data["new"],
                keep=request.session_row,
            )
        except Problem as problem:
            add_problem(form, problem)
            status = problem.status
        else:
            messages.success(request, _("Your password is changed. Your other devices are signed out."))
            return redirect("accounts:profile")
    return page(request, "accounts/password_change.html", form=form, status=status)


@login_not_required
@form_page
def password_reset(request: HttpRequest) -> HttpResponse:
    """Ask for the e-mail address to send a link to; the answer is the same for unknown ones."""
    form = forms.PasswordResetForm(request.POST or None)
    status = 400 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        try:
            services.request_password_reset(
                email=form.cleaned_data["email"],
                base_url=f"{request.scheme}://{request.get_host()}",
                address=address_of(request),
            )
        except Problem as problem:
            add_problem(form, problem)
            status = problem.status
        else:
            return redirect("accounts:password_reset_done")
    return page(request, "accounts/password_reset.html", form=form, status=status)


@login_not_required
@form_page
def password_reset_done(request: HttpRequest) -> HttpResponse:
    """Say that the link is on its way, if there is such an account."""
    return page(request, "accounts/password_reset_done.html")


@login_not_required
@never_cache
@sensitive_post_parameters()
@form_page
def password_reset_confirm(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """Ask for a new password by the link from the e-mail."""
    user = services.user_of_reset_link(uid=uid, token=token)
    if user is None:
        return page(request, "accounts/password_reset_bad_link.html", status=404)
    form = forms.NewPasswordForm(request.POST or None)
    status = 400 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        try:
            services.reset_password(uid=uid, token=token, new=form.cleaned_data["new"])
        except Problem as problem:
            add_problem(form, problem)
            status = problem.status
        else:
            return redirect("accounts:password_reset_complete")
    return page(request, "accounts/password_reset_confirm.html", form=form, person=user, status=status)


@login_not_required
@form_page
def password_reset_complete(request: HttpRequest) -> HttpResponse:
    """Say that the new password holds."""
    return page(request, "accounts/password_reset_complete.html")


@form_page
def sessions(request: HttpRequest) -> HttpResponse:
    """The devices and programs that are signed in."""
    return _sessions_page(request)


@never_cache
@sensitive_post_parameters("password")
@require_POST
def new_token(request: HttpRequest) -> HttpResponse:
    """Make a token for a program; the page shows it this once."""
    form = forms.TokenForm(request.POST)
    if not form.is_valid():
        return _sessions_page(request, form=form, status=400)
    try:
        made = services.issue_token(
            username=request.user.username,
            password=form.cleaned_data["password"],
            address=address_of(request),
            user_agent=f"{NAMED}{form.cleaned_data['name']}",
        )
    except Problem as problem:
        add_problem(form, problem)
        return _sessions_page(request, form=form, status=problem.status)
    return _sessions_page(request, made=made, status=201)


@require_POST
def session_revoke(request: HttpRequest, pk: str) -> HttpResponse:
    """End one of one's own sessions; ending the present one signs out here."""
    session = get_object_or_404(services.list_sessions(user=request.user), pk=pk)
    if request.session_row is not None and session.pk == request.session_row.pk:
        return sign_out(request)
    services.revoke_session(session=session, by=request.user)
    return _after_revoking(request, _("The device is signed out."))


@require_POST
def sessions_revoke_all(request: HttpRequest) -> HttpResponse:
    """End all of one's own sessions but the present one."""
    services.revoke_all_sessions(user=request.user, by=request.user, keep=request.session_row)
    return _after_revoking(request, _("Your other devices are signed out."))


@form_page
def profile(request: HttpRequest) -> HttpResponse:
    """What a person says about themselves."""
    form = forms.ProfileForm(request.POST or None, instance=request.user)
    status = 400 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        try:
            services.update_profile(user=request.user, changes=form.cleaned_data)
        except Problem as problem:
            add_problem(form, problem)
            status = problem.status
        else:
            return _profile_saved(request)
    return page(request, "accounts/profile.html", form=form, status=status)


@never_cache
@sensitive_post_parameters()
@form_page
def delete_account(request: HttpRequest) -> HttpResponse:
    """Ask once more, by password, then delete the person and all that is theirs."""
    form = forms.DeleteAccountForm(request.POST or None)
    status = 400 if request.method == "POST" else 200
    if request.method == "POST" and form.is_valid():
        try:
            services.delete_account(user=request.user, password=form.cleaned_data["password"])
        except Problem as problem:
            add_problem(form, problem)
            status = problem.status
        else:
            cookies.forget(request)
            messages.success(request, _("Your account and all that was yours is deleted."))
            return redirect(settings.LOGOUT_REDIRECT_URL)
    return page(request, "accounts/delete_account.html", form=form, status=status)


@login_not_required
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Switch the language of this browser, and of the signed-in person's messages."""
    code = request.POST.get("language", "")
    if request.user.is_authenticated and code in dict(settings.LANGUAGES) and code != request.user.language:
        services.update_profile(user=request.user, changes={"language": code})
    return django_set_language(request)


def _enter(request: HttpRequest, signed_in: services.SignedIn, address: str) -> HttpResponse:
    """Go on as the person who just signed in, in their language."""
    cookies.remember(request, signed_in)
    response = HttpResponseRedirect(address)
    cookies.set_language_cookie(response, signed_in.session.user.language)
    return response


def _next(request: HttpRequest, default: str | None = None) -> str:
    """Where the visitor was heading, if that is a page of ours; otherwise home."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # A sign-out or a revocation must not be where a fresh sign-in leads.
    if ours and urlsplit(wanted).path != reverse("accounts:sign_out"):
        return wanted
    return resolve_url(settings.LOGIN_REDIRECT_URL) if default is None else default


def _sign_in_page(
    request: HttpRequest, form: forms.SignInForm, *, status: int = 200, problem: Problem | None = None
) -> HttpResponse:
    context = {"form": form, "next": _next(request, default=""), "ended": cookies.has_ended(request)}
    response = page(request, "accounts/sign_in.html", status=status, **context)
    if retry_after := getattr(problem, "retry_after", None):
        response.headers["Retry-After"] = str(retry_after)
    return response


def _sessions_page(request: HttpRequest, *, status: int = 200, **context: Any) -> HttpResponse:
    rows = list(services.list_sessions(user=request.user)[:200])
    context = {"form": forms.TokenForm(), "sessions": rows, "current": request.session_row} | context
    return page(request, "accounts/sessions.html", partial="rows", status=status, **context)


def _after_revoking(request: HttpRequest, said: Any) -> HttpResponse:
    if request.htmx:
        return _sessions_page(request)
    messages.success(request, said)
    return redirect("accounts:sessions")


def _profile_saved(request: HttpRequest) -> HttpResponse:
    response = redirect("accounts:profile")
    cookies.set_language_cookie(response, request.user.language)
    if not request.user.language:
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
    with translation.override(request.user.language or translation.get_language()):
        messages.success(request, _("Your profile is saved."))
    return response
