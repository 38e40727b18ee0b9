"""The admin of explanations."""

from typing import Any

from django.urls import reverse

from explanations.models import Explanation, ExplanationFeature, ExplanationTemplate


def test_an_operator_reads_an_explanation_with_its_features(
    alice: Any, operator: Any, client_of: Any
) -> None:
    row = Explanation.objects.create(
        user=alice, target_type="message", target_id="m1", explanation="Because."
    )
    ExplanationFeature.objects.create(explanation=row, feature_name="heavy", feature_value="b", importance=1)
    address = reverse("admin:explanations_explanation_change", args=[row.pk])
    assert "heavy" in client_of(operator).get(address).content.decode()
    assert client_of(operator).post(address, {"explanation": "Otherwise."}).status_code == 403


def test_a_template_that_names_nothing_we_have_is_refused(operator: Any, client_of: Any) -> None:
    asked = {
        "name": "short",
        "template_text": "$nosuch",
        "target_type": "message",
        "language": "en",
        "complexity_level": "simple",
        "is_active": "true",
    }
    browser, address = client_of(operator), reverse("admin:explanations_explanationtemplate_add")
    assert "Unknown names: nosuch" in browser.post(address, asked).content.decode()
    assert not ExplanationTemplate.objects.exists()
    assert browser.post(address, asked | {"template_text": "$summary"}).status_code == 302
    assert ExplanationTemplate.objects.get().template_text == "$summary"
