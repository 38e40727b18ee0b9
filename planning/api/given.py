"""What verbs of plans are given, as serializers."""

from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.request import Request

from agi_site.lib.api.json_fields import JSONObjectField

from ..models import OnFailure, StepKind
from ..services.authoring import TITLE_LENGTH
from ..services.checking import MAX_STEPS, MOST
from ..services.proposals import LONGEST_GOAL
from ..services.runs import LONGEST_REASON


class StepGivenSerializer(serializers.Serializer[Any]):
    """A step of a plan, by key. What is left out is as usual."""

    key = serializers.CharField(max_length=50, help_text="Letters, digits and _; unique within the plan.")
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    kind = serializers.ChoiceField(
        StepKind.choices, required=False, help_text="Left out: by `tool_name`, `prompt` or `sub_plan`."
    )
    tool_name = serializers.CharField(max_length=100, required=False, allow_blank=True)
    tool = serializers.CharField(
        max_length=100,
        required=False,
        allow_blank=True,
        help_text="The same as `tool_name`, as exports say it.",
    )
    prompt = serializers.CharField(
        max_length=100_000, required=False, help_text="What the assistant is asked: argument `prompt`."
    )
    arguments = JSONObjectField(
        required=False,
        allow_null=True,
        help_text="`{{ steps.<key>.output.<path> }}`, `{{ inputs.<name> }}` and `{{ item }}` are replaced.",
    )
    sub_plan = serializers.CharField(max_length=36, required=False, allow_null=True)
    depends_on = serializers.ListField(
        child=serializers.CharField(max_length=50), required=False, max_length=MAX_STEPS, help_text="Keys."
    )
    condition = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text="JMESPath; false leaves the step out."
    )
    for_each = serializers.CharField(
        max_length=500, required=False, allow_blank=True, help_text="JMESPath of a list."
    )
    max_retries = serializers.IntegerField(required=False, min_value=0, max_value=MOST["max_retries"])
    retry_seconds = serializers.IntegerField(required=False, min_value=0, max_value=MOST["retry_seconds"])
    timeout_seconds = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MOST["timeout_seconds"]
    )
    on_failure = serializers.ChoiceField(OnFailure.choices, required=False)

    def to_internal_value(self, data: Any) -> Any:
        """A field that is not known would be left out in silence, and the step do something else."""
        if isinstance(data, dict) and (unknown := [name for name in data if name not in self.fields]):
            message = _("A step has no field of this name. Known: %(known)s.")
            fault = message % {"known": ", ".join(self.fields)}
            raise serializers.ValidationError({str(name)[:50]: [fault] for name in unknown[:20]})
        return super().to_internal_value(data)


class StartSerializer(serializers.Serializer[Any]):
    """With what a run begins."""

    inputs = JSONObjectField(required=False, allow_null=True)
    budget = JSONObjectField(
        required=False,
        allow_null=True,
        help_text="`steps`, `seconds`, `tokens`, `sandbox_seconds`: the most.",
    )
    unattended = serializers.BooleanField(
        required=False, default=False, help_text="Nobody is there to be asked: what needs consent is refused."
    )


class BudgetSerializer(serializers.Serializer[Any]):
    """A budget alone."""

    budget = JSONObjectField(
        required=False, allow_null=True, help_text="Takes the place of the run's; left out, that stays."
    )


class InputsSerializer(serializers.Serializer[Any]):
    """Inputs alone."""

    inputs = JSONObjectField(required=False, allow_null=True)


class DuplicateSerializer(serializers.Serializer[Any]):
    """How a copy is called."""

    title = serializers.CharField(max_length=TITLE_LENGTH, required=False, allow_blank=True, default="")
    is_template = serializers.BooleanField(required=False, default=False)


class OrderSerializer(serializers.Serializer[Any]):
    """All steps in their new order."""

    steps = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        max_length=MAX_STEPS,
        help_text="Ids.",
    )


class GoalSerializer(serializers.Serializer[Any]):
    """What is to be reached."""

    goal = serializers.CharField(max_length=LONGEST_GOAL)


class AgainSerializer(serializers.Serializer[Any]):
    """Another proposal, if wanted for another goal."""

    goal = serializers.CharField(max_length=LONGEST_GOAL, required=False, allow_blank=True, default="")


class ReasonSerializer(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField(max_length=LONGEST_REASON)


class DocumentSerializer(serializers.Serializer[Any]):
    """A plan as it was exported, or an instance of WfCommons: any JSON object."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError({"non_field_errors": [_("A JSON object is expected.")]})
        return dict(data)


class DryRunSerializer(serializers.Serializer[Any]):
    """What a run would be."""

    order = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    seconds = serializers.FloatField(help_text="Expected, at best.")
    critical = serializers.ListField(child=serializers.CharField(), help_text="The keys that decide it.")
    missing = serializers.ListField(child=serializers.CharField(), help_text="Inputs without a value.")
    problems = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    basis = serializers.ChoiceField(["runs", "guess"])
    waits_for_people = serializers.IntegerField()


class TemplateSerializer(serializers.Serializer[Any]):
    """A template that comes along; `document` is what `import` takes."""

    slug = serializers.CharField()
    document = JSONObjectField()


class StepDiffSerializer(serializers.Serializer[Any]):
    """A step in two runs."""

    key = serializers.CharField()
    change = serializers.ChoiceField(["same", "changed", "added", "removed"])
    status = serializers.ListField(child=serializers.CharField(allow_null=True), help_text="Earlier, later.")
    seconds = serializers.ListField(child=serializers.FloatField(allow_null=True))
    lines = serializers.ListField(child=serializers.CharField(), help_text="A unified diff of the outputs.")


def given(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The request's JSON, checked; raises what the framework turns into a problem naming the fields."""
    found = serializer(data=request.data, context={"request": request})
    found.is_valid(raise_exception=True)
    data: dict[str, Any] = found.validated_data
    return data


def language() -> str:
    """The language in which a run answers: the request's."""
    return get_language() or "en"
