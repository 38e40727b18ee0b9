"""How a new installation answers feelings: guidance for the model, and a sentence that may open an answer."""

from .models import EmotionalResponse, EmpathyModel
from .services import DEFAULT_PARAMETERS, GUIDANCE, OPENING

# (emotion, language) -> (guidance for the model, sentence that may open the answer)
RESPONSES: dict[tuple[str, str], tuple[str, str]] = {
    ("joy", "en"): (
        "The person is happy. Share it in half a sentence, then answer as usual.",
        "That is good to hear!",
    ),
    ("joy", "ko"): (
        "사용자가 기뻐하고 있습니다. 반 문장으로 함께 기뻐한 뒤 평소처럼 답하세요.",
        "정말 좋은 소식이네요!",
    ),
    ("sadness", "en"): (
        (
            "The person is sad. Acknowledge it in one warm sentence without advice they did not ask for; "
            "be gentle and brief."
        ),
        "I'm sorry, that sounds hard.",
    ),
    ("sadness", "ko"): (
        (
            "사용자가 슬퍼하고 있습니다. 묻지 않은 조언은 하지 말고 따뜻한 한 문장으로 마음을 알아준 뒤, "
            "부드럽고 짧게 답하세요."
        ),
        "마음이 많이 힘드셨겠어요.",
    ),
    ("anger", "en"): (
        (
            "The person is angry. Stay calm, do not defend or lecture; name the problem once, then go to "
            "what can be done."
        ),
        "I understand that this is frustrating.",
    ),
    ("anger", "ko"): (
        (
            "사용자가 화가 나 있습니다. 침착하게, 변명하거나 가르치려 하지 말고 문제를 한 번만 짚은 뒤 "
            "바로 할 수 있는 일로 넘어가세요."
        ),
        "답답하고 화가 나셨겠어요.",
    ),
    ("fear", "en"): (
        "The person is worried. Be steady and concrete: say what is known, what is not, and one next step.",
        "It makes sense to be worried about this.",
    ),
    ("fear", "ko"): (
        "사용자가 걱정하고 있습니다. 차분하게, 확실한 것과 모르는 것을 나누고 다음 할 일을 말하세요.",
        "걱정되시는 마음, 이해해요.",
    ),
    ("surprise", "en"): (
        "The person is surprised or confused. Explain in order, from what they know to what is new.",
        "That is unexpected. Let me go through it.",
    ),
    ("surprise", "ko"): (
        "사용자가 놀라거나 헷갈려하고 있습니다. 아는 것에서 새로운 것으로, 차례대로 설명하세요.",
        "뜻밖이셨겠어요. 차근차근 설명해 드릴게요.",
    ),
    ("disgust", "en"): (
        "The person is repelled. Keep a neutral tone, do not repeat the detail, offer a way on.",
        "I can see why that is unpleasant.",
    ),
    ("disgust", "ko"): (
        "사용자가 불쾌해하고 있습니다. 그 내용을 되풀이하지 말고 담담한 말투로 다른 방법을 제안하세요.",
        "불쾌하셨겠어요.",
    ),
    ("love", "en"): (
        "The person is warm or thankful. Accept it simply, without making it about yourself.",
        "Thank you, that is kind.",
    ),
    ("love", "ko"): (
        "사용자가 따뜻한 마음이나 고마움을 전하고 있습니다. 자신을 내세우지 말고 담백하게 받으세요.",
        "따뜻한 말씀 고맙습니다.",
    ),
}


def load() -> None:
    """Store the strategies and the empathy model that are missing; what an operator changed stays."""
    for (emotion, language), texts in RESPONSES.items():
        for response_type, template in zip((GUIDANCE, OPENING), texts, strict=True):
            EmotionalResponse.objects.get_or_create(
                trigger_emotion=emotion,
                response_type=response_type,
                language=language,
                defaults={"template": template},
            )
    if not EmpathyModel.objects.exists():
        EmpathyModel.objects.create(
            name="calm",
            version="1",
            description="Answers strong feelings first, weak ones not at all.",
            parameters=DEFAULT_PARAMETERS,
        )
