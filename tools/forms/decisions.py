"""What people fill in when they decide about a question."""

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User

from ..services.approvals import LONGEST_NOTE


class NoteForm(forms.Form):
    """Why, if one likes."""

    note = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_NOTE,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class DelegateForm(forms.Form):
    """Who is to decide instead."""

    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=150,
        help_text=gettext_lazy("This person alone decides then."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )

    def clean_username(self) -> User:
        name = User.normalize_username(self.cleaned_data["username"])
        found = User.objects.filter(username=name, is_active=True).first()
        if found is None:
            raise forms.ValidationError(_("There is nobody of this name whose account is open."))
        return found
