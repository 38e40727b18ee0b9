"""What people fill in; the rules themselves stand in the services."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils.translation import gettext_lazy as _

from .models import User


def _password(label: Any, *, autocomplete: str, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=1000,
        help_text=help_text,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
        error_messages={"required": _("Enter your password.")},
    )


def _username(**attrs: Any) -> forms.CharField:
    return forms.CharField(
        label=_("Username"),
        max_length=100,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", **attrs}
        ),
        error_messages={"required": _("Enter your username.")},
    )


def _email() -> forms.EmailField:
    return forms.EmailField(
        label=_("E-mail"),
        max_length=100,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"required": _("Enter your e-mail address.")},
    )


def password_rules() -> str:
    """The rules of a good password, as one sentence per rule."""
    return " ".join(str(rule) for rule in password_validators_help_texts())


class SignInForm(forms.Form):
    """Name and password."""

    username = _username(autofocus=True)
    password = _password(_("Password"), autocomplete="current-password")


class SignUpForm(forms.Form):
    """A new account; the password is typed once, and can be reset by e-mail."""

    username = _username(autofocus=True)
    nickname = forms.CharField(
        label=_("Name to be called by"),
        max_length=50,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "nickname"}),
    )
    email = _email()
    password = _password(_("Password"), autocomplete="new-password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].help_text = password_rules()


class NewPasswordForm(forms.Form):
    """A new password, typed twice."""

    new = _password(_("New password"), autocomplete="new-password")
    again = _password(_("New password again"), autocomplete="new-password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new"].help_text = password_rules()

    def clean(self) -> dict[str, Any]:
        """The two have to be the same."""
        cleaned: dict[str, Any] = super().clean() or {}
        if "new" in cleaned and "again" in cleaned and cleaned["new"] != cleaned["again"]:
            self.add_error("again", _("The two passwords differ. Type the same one twice."))
        return cleaned


class PasswordChangeForm(NewPasswordForm):
    """The current password and a new one."""

    current = _password(_("Current password"), autocomplete="current-password")
    field_order = ("current", "new", "again")


class PasswordResetForm(forms.Form):
    """Where to send the link."""

    email = _email()


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a person says about themselves."""

    language = forms.ChoiceField(label=_("Language"), required=False)

    class Meta:
        model = User
        fields = ("nickname", "email", "language")
        labels = {"nickname": _("Name to be called by"), "email": _("E-mail")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language: Any = self.fields["language"]
        language.choices = [("", _("As the browser wishes")), *settings.LANGUAGES]

    def _post_clean(self) -> None:
        """Leave the row alone: the service validates and stores the changes."""


class TokenForm(forms.Form):
    """A name for a program, and the password as a sign that the owner means it."""

    name = forms.CharField(
        label=_("Name of the program"),
        max_length=60,
        error_messages={"required": _("Give the program a name.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    password = _password(_("Your password"), autocomplete="current-password")


class DeleteAccountForm(forms.Form):
    """The password, as a sign that the owner means it."""

    password = _password(_("Your password"), autocomplete="current-password")
