"""Forms of the transfer pages."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from . import formats
from .concepts import LONGEST_DEFINITION, ConceptKind
from .models import RELATION_TYPES, Contents, KnowledgeDomain, ReadEvery


def _area(rows: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows})


class ImportForm(forms.Form):
    """An ontology from a file."""

    file = forms.FileField(
        label=_("File"),
        help_text=_(
            "OWL, RDF or SKOS (RDF/XML, Turtle, N-Triples), or CSV with a column “concept”. At most 8 MB."
        ),
        widget=forms.ClearableFileInput(attrs={"accept": ",".join(formats.ENDINGS)}),
    )
    domain = forms.CharField(
        label=_("Domain"), max_length=100, help_text=_("A new one is made if there is none of this name.")
    )
    replace = forms.BooleanField(label=_("Remove concepts that the file lacks"), required=False)


class DomainForm(forms.Form):
    """A new, empty domain."""

    name = forms.CharField(label=_("Name"), max_length=100)
    title = forms.CharField(label=_("Title"), max_length=255, required=False)
    description = forms.CharField(label=_("Description"), required=False, widget=_area(3))


class ConceptForm(forms.Form):
    """A concept by hand."""

    concept = forms.CharField(label=_("Concept"), max_length=255)
    kind = forms.ChoiceField(label=_("Kind"), choices=ConceptKind.choices)
    definition = forms.CharField(
        label=_("Definition"), required=False, max_length=LONGEST_DEFINITION, widget=_area(4)
    )
    labels = forms.CharField(
        label=_("Other names"), required=False, widget=_area(2), help_text=_("One a line, in any language.")
    )
    relationships = forms.CharField(
        label=_("Relationships"),
        required=False,
        widget=_area(4),
        help_text=_("One a line: type: other concept. Types: is_a, part_of, domain, range, related_to …"),
    )
    attributes = forms.CharField(
        label=_("Attributes"), required=False, widget=_area(3), help_text=_("One a line: name: value.")
    )

    def clean_relationships(self) -> list[tuple[str, str]]:
        return _pairs(self.cleaned_data["relationships"])

    def clean_attributes(self) -> dict[str, str]:
        return dict(_pairs(self.cleaned_data["attributes"]))

    def clean_labels(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["labels"].splitlines() if line.strip()]


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _colon, value = line.partition(":")
        if not name.strip() or not value.strip():
            raise forms.ValidationError(
                _("Write each line as “name: value”. This one is not: %(line)s"), params={"line": line[:80]}
            )
        pairs.append((name.strip(), value.strip()))
    return pairs


def initial_of_concept(row: Any) -> dict[str, Any]:
    """A concept as the form shows it."""
    concept = row.as_concept
    return {
        "concept": concept.name,
        "kind": concept.kind,
        "definition": concept.definition,
        "labels": "\n".join(concept.labels),
        "relationships": "\n".join(f"{type_}: {target}" for type_, target in concept.relationships),
        "attributes": "\n".join(
            f"{name}: {value}" for name, value in concept.attributes.items() if isinstance(value, str)
        ),
    }


# --- Sources ------------------------------------------------------------------------------------------------
class SourceForm(forms.Form):
    """What every source says of itself; each kind adds where it reads from."""

    name = forms.CharField(label=_("Name"), max_length=100)
    domain = forms.CharField(
        label=_("Domain"), max_length=100, help_text=_("Its passages get this as their tag.")
    )
    description = forms.CharField(label=_("Description"), required=False, widget=_area(2))
    contents = forms.ChoiceField(label=_("Is read as"), choices=Contents.choices, initial=Contents.PASSAGES)
    read_every = forms.ChoiceField(
        label=_("Is read"),
        choices=ReadEvery.choices,
        initial=ReadEvery.DAY,
        help_text=_("By the clock it is read for you, and takes only what changed."),
    )
    secrets: tuple[str, ...] = ()

    def __init__(self, *args: Any, existing: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Where it reads from comes before how it is read.
        last = [name for name in ("contents", "read_every") if name in self.fields]
        self.order_fields([*(name for name in self.fields if name not in last), *last])
        if existing:
            for name in self._connection_fields():
                self.fields[name].required = False
                self.fields[name].help_text = _(
                    "Leave the whole connection empty to keep it as it is; it is not shown."
                )

    def _connection_fields(self) -> list[str]:
        return [name for name in self.fields if name not in SourceForm.base_fields]

    def about(self) -> dict[str, Any]:
        """What every source has, as the services take it."""
        return {name: self.cleaned_data[name] for name in self.fields if name in SourceForm.base_fields}

    def connection(self) -> dict[str, Any] | None:
        """What was filled in of the connection; None for nothing."""
        given = {name: self.cleaned_data[name] for name in self._connection_fields()}
        given = {name: value for name, value in given.items() if value not in ("", [], {}, None)}
        return given or None


class FileSourceForm(SourceForm):
    path = forms.CharField(
        label=_("Path"),
        max_length=500,
        help_text=_("A file or folder below “sources” in the data directory."),
    )


class HttpSourceForm(SourceForm):
    urls = forms.CharField(
        label=_("Addresses"), widget=_area(3), help_text=_("One a line. Private addresses are refused.")
    )
    headers = forms.CharField(
        label=_("Headers"),
        required=False,
        widget=_area(2),
        help_text=_("One a line: name: value. Kept encrypted."),
    )
    records = forms.CharField(
        label=_("Way to the records"), required=False, help_text=_("For JSON, with dots: data.items.")
    )

    def clean_urls(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["urls"].splitlines() if line.strip()]

    def clean_headers(self) -> dict[str, str]:
        return dict(_pairs(self.cleaned_data["headers"]))


class SqlSourceForm(SourceForm):
    contents = None  # rows hold no ontology
    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_(
            "mysql://person:password@host:3306/database, or sqlite:///file below “sources”. "
            "Use an account that may only read."
        ),
    )
    query = forms.CharField(label=_("SQL query"), widget=_area(4), help_text=_("One SELECT; it only reads."))
    id = forms.CharField(label=_("Column that identifies a row"), max_length=64)
    title = forms.CharField(label=_("Column of titles"), max_length=64, required=False)
    content = forms.CharField(
        label=_("Columns of texts"),
        required=False,
        help_text=_("With commas between them. None: all columns."),
    )

    def clean_content(self) -> list[str]:
        return [name.strip() for name in self.cleaned_data["content"].split(",") if name.strip()]


class InstanceSourceForm(SourceForm):
    contents = None  # it gives passages
    url = forms.CharField(label=_("Address"), max_length=500)
    token = forms.CharField(label=_("Token"), widget=forms.PasswordInput, max_length=500)
    tag = forms.CharField(label=_("Only passages with this tag"), required=False, max_length=50)


SOURCE_FORMS: dict[str, type[SourceForm]] = {
    "file": FileSourceForm,
    "http": HttpSourceForm,
    "sql": SqlSourceForm,
    "instance": InstanceSourceForm,
}


# --- Mappings and tasks -------------------------------------------------------------------------------------
class _Between(forms.Form):
    source = forms.ModelChoiceField(
        label=_("From domain"), queryset=KnowledgeDomain.objects.none(), empty_label=_("Choose a domain")
    )
    target = forms.ModelChoiceField(
        label=_("To domain"), queryset=KnowledgeDomain.objects.none(), empty_label=_("Choose a domain")
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        domains = KnowledgeDomain.objects.for_user(user).order_by("name")
        for name in ("source", "target"):
            self.fields[name].queryset = domains


class ProposeForm(_Between):
    """Two domains to be matched."""


class MappingForm(forms.Form):
    """A mapping put right."""

    source_concept = forms.CharField(label=_("Concept here"), max_length=255)
    target_concept = forms.CharField(label=_("Concept there"), max_length=255)
    relation_type = forms.ChoiceField(label=_("Relation"), choices=list(RELATION_TYPES.items()))


class TransferForm(_Between):
    """What is to be carried from one domain to another; the kind says how the lines are read."""

    lines = forms.CharField(label="", widget=_area(8))
    examples = forms.CharField(label=_("Examples"), required=False, widget=_area(6))

    def __init__(self, *args: Any, task_type: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.task_type = task_type
        label, help_text = _LINES[task_type]
        self.fields["lines"].label, self.fields["lines"].help_text = label, help_text
        self.fields["examples"].help_text = _("One a line: text | concept of the first domain.")
        if task_type == "label":
            self.fields["examples"].required = True
        else:
            del self.fields["examples"]

    def parameters(self) -> dict[str, Any]:
        """What the service takes."""
        rows = [_split(line) for line in self.cleaned_data["lines"].splitlines() if line.strip()]
        if self.task_type == "answer":
            return {"questions": [{"question": text, "expected": rest} for text, *rest in rows]}
        if self.task_type == "carry":
            return {"items": [{"kind": "text", "name": "", "text": " | ".join(row)} for row in rows]}
        examples = [_split(line) for line in self.cleaned_data["examples"].splitlines() if line.strip()]
        return {
            "items": [{"text": text, "expected": (rest or [""])[0]} for text, *rest in rows],
            "examples": [{"text": text, "label": (rest or [""])[0]} for text, *rest in examples],
        }


_LINES: dict[str, tuple[Any, Any]] = {
    "answer": (
        _("Questions"),
        _(
            "One a line, in the words of the second domain. To measure, add the title of the passage that "
            "answers it: question | title."
        ),
    ),
    "label": (
        _("Texts"),
        _("One a line. To measure, add the right concept of the second domain: text | concept."),
    ),
    "carry": (_("Rules, tools and intents"), _("One a line, in the words of the first domain.")),
}


def _split(line: str) -> list[str]:
    return [piece.strip() for piece in line.split("|")]
