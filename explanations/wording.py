"""From a template and an explanation to words. Templates are data: `$name` is replaced, nothing is run."""

from string import Template
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from agi_site.lib.problems import Invalid

from .models import Explanation

NAMES = frozenset({"summary", "confidence", "algorithm", "main_feature", "main_value", "features", "count"})
_FEATURES_TOLD = 10


def check(template_text: str) -> None:
    """Raise Invalid if a template is malformed or names something an explanation does not have."""
    template = Template(template_text)
    if not template.is_valid():
        fault = _("A $ begins a name, such as $summary; write $$ for the sign itself.")
        raise Invalid(errors={"template_text": [fault]})
    unknown = sorted(set(template.get_identifiers()) - NAMES)
    if unknown:
        fault = _("Unknown names: %(unknown)s. Known names: %(known)s.")
        values = {"unknown": ", ".join(unknown)[:200], "known": ", ".join(sorted(NAMES))}
        raise Invalid(errors={"template_text": [fault % values]})


def fill(template_text: str, values: dict[str, str]) -> str:
    """The template with its names replaced; names without a value stay as they are."""
    return Template(template_text).safe_substitute(values)


def main_feature_values(explanation: Explanation, language: str) -> dict[str, str]:
    """What a template may name, in words of `language`."""
    features = sorted(explanation.features.all(), key=lambda feature: -feature.importance)
    main = features[0] if features else None
    with override(language):
        return {
            "summary": explanation.explanation,
            "algorithm": explanation.algorithm or "–",
            "confidence": _percent(explanation.confidence),
            "main_feature": main.feature_name if main else _("nothing in particular"),
            "main_value": main.feature_value if main else "–",
            "features": "\n".join(
                f"- {feature.feature_name}: {feature.feature_value} ({_percent(feature.importance)})"
                for feature in features[:_FEATURES_TOLD]
            )
            or "–",
            "count": str(len(features)),
        }


def _percent(value: Any) -> str:
    return "–" if value is None else f"{value * 100:.0f} %"
