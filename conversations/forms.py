"""What people type into the chat pages; the services check it."""

from django import forms
from django.utils.translation import gettext_lazy as _

from .services import MAX_MESSAGE_LENGTH
from .services.conversations import MAX_TITLE_LENGTH


class MessageForm(forms.Form):
    """A message, with the key by which a repeated send is recognised."""

    content = forms.CharField(
        label=_("Message"),
        max_length=MAX_MESSAGE_LENGTH,
        strip=False,
        required=False,  # the service says what to do about an empty one
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    key = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)


class RenameForm(forms.Form):
    """A conversation's title."""

    title = forms.CharField(label=_("Title"), max_length=MAX_TITLE_LENGTH)


class RatingForm(forms.Form):
    """A thumb and, if the person likes, a word on why."""

    thumb = forms.ChoiceField(choices=[("up", _("Good answer")), ("down", _("Bad answer"))])
    comment = forms.CharField(
        label=_("What was good or bad about it?"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class ImportForm(forms.Form):
    """A file of conversations."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("A conversation that was downloaded here, or conversations.json of a ChatGPT export."),
        widget=forms.FileInput(attrs={"accept": ".json,application/json"}),
    )
