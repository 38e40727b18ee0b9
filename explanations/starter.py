"""The words a new installation explains itself in: simple, moderate and detailed, in English and Korean."""

from .models import ANY_TARGET, Complexity, ExplanationTemplate

MESSAGE = "message"

TEMPLATES: dict[tuple[str, str, str], str] = {
    (MESSAGE, Complexity.SIMPLE, "en"): "$summary",
    (MESSAGE, Complexity.SIMPLE, "ko"): "$summary",
    (MESSAGE, Complexity.MODERATE, "en"): (
        "$summary\nWhat weighed most: $main_feature ($main_value). Confidence: $confidence."
    ),
    (MESSAGE, Complexity.MODERATE, "ko"): (
        "$summary\n가장 크게 작용한 것: $main_feature ($main_value). 확신도: $confidence."
    ),
    (MESSAGE, Complexity.DETAILED, "en"): (
        "$summary\n\nWhat weighed in this answer ($count):\n$features\n\n"
        "Confidence: $confidence. Made by: $algorithm."
    ),
    (MESSAGE, Complexity.DETAILED, "ko"): (
        "$summary\n\n이 답변에 작용한 것 ($count개):\n$features\n\n확신도: $confidence. 만든 곳: $algorithm."
    ),
    (ANY_TARGET, Complexity.SIMPLE, "en"): "$summary",
    (ANY_TARGET, Complexity.SIMPLE, "ko"): "$summary",
    (ANY_TARGET, Complexity.MODERATE, "en"): "$summary\nThe main reason: $main_feature ($main_value).",
    (ANY_TARGET, Complexity.MODERATE, "ko"): "$summary\n주된 이유: $main_feature ($main_value).",
    (ANY_TARGET, Complexity.DETAILED, "en"): (
        "$summary\n\nReasons ($count):\n$features\n\nConfidence: $confidence. Method: $algorithm."
    ),
    (ANY_TARGET, Complexity.DETAILED, "ko"): (
        "$summary\n\n이유 ($count개):\n$features\n\n확신도: $confidence. 방법: $algorithm."
    ),
}


def load() -> None:
    """Store the templates that are missing; what an operator has rewritten stays."""
    for (target_type, complexity, language), text in TEMPLATES.items():
        ExplanationTemplate.objects.get_or_create(
            name=f"{target_type}.{complexity}.{language}",
            defaults={
                "template_text": text,
                "target_type": target_type,
                "complexity_level": complexity,
                "language": language,
            },
        )
