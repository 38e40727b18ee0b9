# ruff: noqa: E501 - patterns and sentences are read whole, line by line
"""What the guide says, in both languages.

These are answers in the language of the person's message, not of the page, so they stand here side by side
and not in the page's message catalogue.
"""

from __future__ import annotations

CONNECT_SIGN = "CHAT_BASE_URL"  # a reply that holds it has told the person how to connect a model

_TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "greeting": "Hello! Ask me about anything in the knowledge base, or about what you have told me before.",
        "thanks": "You're welcome.",
        "goodbye": "Goodbye, see you next time.",
        "praise": "Thank you, I'm glad that helped.",
        "complaint": (
            "I'm sorry about that. Tell me what went wrong, or ask again in other words; a thumb down below an answer "
            "helps too."
        ),
        "small_talk": "I'm a plain guide and not much of a talker, but I'm glad to look something up for you.",
        "capabilities": (
            "I answer questions from the knowledge base and from what you asked me to remember, and I show where each "
            "answer stands. I calculate, tell the time in any city, search the knowledge base and my memory of you, run code "
            "and keep files in a locked-down sandbox, and carry out plans of several steps (“first …, then …, finally …”) "
            "once you have agreed to them. I don't write free "
            "text and I never make up an answer."
        ),
        "help": (
            "Gladly. Ask a question in your own words, for example “How many days of leave do I get?”, say “remember "
            "that …” to keep something, or give me a sum."
        ),
        "remembered": "Noted: {what}",
        "not_remembered": "I am not keeping that. {reason}",
        "remembered_bare": "What should I remember? Say it in one sentence, for example “Remember that the demo is on Friday”.",
        "preference": "All right, I'll keep that in mind.",
        "not_found": "I don't find that in what I know.",
        "not_found_memory": "I don't find that in what you have told me.",
        "near_title": "The closest I have is “{title}”, but it does not answer this.",
        "ask_back": "Do you mean “{first}” or “{second}”? Ask a little more about one of them.",
        "cannot": "I can't do that: I answer from the knowledge base and use simple tools.",
        "connect": (
            "To get free-form answers, connect a language model: set CHAT_BASE_URL (and CHAT_API_KEY, CHAT_MODEL if "
            "needed) and restart."
        ),
        "quoted": "The source says, in Korean: “{sentence}”",
        "memory_quoted": "You told me: “{sentence}”",
        "memory_in_other": "You told me, in Korean: “{sentence}”",
        "in_doubt": "You told me two things that do not go together: later {newer}, and before that {older}. Which one holds?",
        "forget": "This is what I remember of it: {what}. To have it forgotten, open “Looked at …” below this answer and choose Forget.",
        "forget_none": "I remember nothing of that.",
        "sum": "{expression} = {result}",
        "time": "It is {time} on {day}, {date} ({zone}).",
        "tool_failed": "That did not work: {reason}",
        "tool_plain": "{result}",
        "code_ran": "I ran this in your sandbox:",
        "code_printed": "It printed:",
        "code_silent": "It printed nothing.",
        "code_failed": "It ended with exit code {code}.",
        "code_stopped": "It was ended: {cause}.",
        "code_other": "I can run Python and shell code, but not {written}. You can in a sandbox of your own, from a template that has it: see Sandboxes in the menu.",
        "plan_done": "The plan is done: {done} of {total} steps.",
        "plan_result": "The result is **{result}**.",
        "plan_results": "The results:",
        "plan_not_done": "The plan did not come to its end: {reason}",
        "plan_stored": "The plan “{title}” is stored with {total} steps. Run it on the page of plans.",
        "file_read": "This is in {path}:",
        "file_empty": "{path} is empty.",
        "file_written": "Written: {path}",
        "work_kept": "Kept as a work of yours: “{title}”.",
        "facts": "This is known of {name}:",
        "memory_off": "Memory is off: I neither remember nor look up anything of you. Your settings turn it on.",
        "memories": "This is what I remember of you:",
        "memories_none": "I remember nothing of you yet. Say “remember that …”, or tell me about yourself.",
        "search_found": "This is what I found for “{query}”:",
        "search_none": "I found nothing for “{query}”.",
        "unseen": "I can't see pictures, so I go by your words alone.",
        "picture_alone": "Tell me in words what it is about.",
        "empty": "Please write a message, and I'll see what I can find.",
    },
    "ko": {
        "greeting": "안녕하세요! 지식 베이스에 있는 내용이나 전에 알려 주신 것을 물어보세요.",
        "thanks": "천만에요.",
        "goodbye": "안녕히 가세요. 다음에 또 만나요.",
        "praise": "고맙습니다. 도움이 되었다니 기뻐요.",
        "complaint": (
            "불편을 드려 죄송합니다. 무엇이 잘못되었는지 알려 주시거나 다른 말로 다시 물어봐 주세요. 답변 아래의 "
            "‘싫어요’도 도움이 됩니다."
        ),
        "small_talk": "저는 안내 역할이라 수다에는 서툴지만, 찾아볼 것이 있으면 기꺼이 도와드릴게요.",
        "capabilities": (
            "지식 베이스와 기억해 달라고 하신 내용에서 답을 찾고, 답마다 근거가 어디 있는지 보여 드립니다. 계산을 하고, 여러 "
            "도시의 시각을 알려 드리고, 지식 베이스와 기억을 검색하고, 격리된 샌드박스에서 코드를 실행하고 파일을 다룹니다. 여러 단계로 된 "
            "계획(“먼저 … 그다음 … 마지막으로 …”)도 동의하시면 차례로 실행합니다. 글을 자유롭게 지어내지 않으며 모르는 것은 모른다고 말합니다."
        ),
        "help": (
            "기꺼이 도와드릴게요. “연차는 며칠인가요?”처럼 편하게 물어보시거나, “…라고 기억해 줘”라고 말씀하시거나, 계산식을 "
            "적어 주세요."
        ),
        "remembered": "기억해 둘게요: {what}",
        "not_remembered": "그건 기억해 두지 않아요. {reason}",
        "remembered_bare": "무엇을 기억할까요? “시연은 금요일이라고 기억해 줘”처럼 한 문장으로 말씀해 주세요.",
        "preference": "알겠습니다. 그렇게 알아 둘게요.",
        "not_found": "제가 아는 내용에서는 찾지 못했습니다.",
        "not_found_memory": "알려 주신 내용에서는 찾지 못했습니다.",
        "near_title": "가장 가까운 자료는 “{title}”이지만 이 질문의 답은 들어 있지 않습니다.",
        "ask_back": "“{first}”, “{second}” 가운데 어느 쪽을 말씀하시나요? 조금 더 자세히 물어봐 주세요.",
        "cannot": "그 일은 할 수 없습니다. 저는 지식 베이스에서 답을 찾고 간단한 도구를 씁니다.",
        "connect": (
            "자유로운 답변을 원하시면 언어 모델을 연결하세요. CHAT_BASE_URL을(필요하면 CHAT_API_KEY와 CHAT_MODEL도) 설정하고 "
            "다시 시작하면 됩니다."
        ),
        "quoted": "자료에는 영어로 이렇게 적혀 있습니다: “{sentence}”",
        "memory_quoted": "이렇게 알려 주셨습니다: “{sentence}”",
        "memory_in_other": "영어로 이렇게 알려 주셨습니다: “{sentence}”",
        "in_doubt": "서로 맞지 않는 두 가지를 알려 주셨습니다. 나중에는 {newer}, 그전에는 {older}라고 하셨습니다. 어느 쪽이 맞나요?",
        "forget": "그에 대해 이렇게 기억하고 있습니다: {what}. 잊게 하려면 이 답변 아래의 ‘살펴본 것’을 열어 ‘잊기’를 누르세요.",
        "forget_none": "그에 대해 기억하는 것이 없습니다.",
        "sum": "{expression} = {result}",
        "time": "{zone} 기준 {date} {day} {time}입니다.",
        "tool_failed": "실행하지 못했습니다: {reason}",
        "tool_plain": "{result}",
        "code_ran": "샌드박스에서 이 코드를 실행했습니다:",
        "code_printed": "출력:",
        "code_silent": "출력은 없었습니다.",
        "code_failed": "종료 코드 {code}로 끝났습니다.",
        "code_stopped": "실행이 중단되었습니다: {cause}.",
        "code_other": "파이썬과 셸 코드는 실행할 수 있지만 {written} 코드는 실행하지 못합니다. 메뉴의 샌드박스에서, 그 언어가 든 템플릿으로 만든 샌드박스에서 직접 실행할 수 있습니다.",
        "plan_done": "계획을 마쳤습니다. {total}단계 가운데 {done}단계를 실행했습니다.",
        "plan_result": "결과는 **{result}**입니다.",
        "plan_results": "결과:",
        "plan_not_done": "계획을 끝까지 실행하지 못했습니다: {reason}",
        "plan_stored": "“{title}” 계획을 {total}단계로 저장했습니다. 계획 페이지에서 실행하세요.",
        "file_read": "{path}의 내용입니다:",
        "file_empty": "{path} 파일은 비어 있습니다.",
        "file_written": "{path} 파일에 적었습니다.",
        "work_kept": "“{title}”을(를) 작품으로 보관했습니다.",
        "facts": "{name}의 정보입니다:",
        "memory_off": "기억이 꺼져 있어 아무것도 기억하거나 찾아보지 않습니다. 설정에서 켤 수 있습니다.",
        "memories": "이런 것을 기억하고 있습니다:",
        "memories_none": "아직 기억하는 것이 없습니다. “…라고 기억해 줘”라고 하시거나 자신에 대해 알려 주세요.",
        "search_found": "“{query}”에 대해 찾은 내용입니다:",
        "search_none": "“{query}”에 대해 찾은 것이 없습니다.",
        "unseen": "저는 이미지를 볼 수 없어서 글만 보고 답합니다.",
        "picture_alone": "무엇에 대한 것인지 글로 알려 주세요.",
        "empty": "메시지를 적어 주시면 찾아보겠습니다.",
    },
}
# What is known of a picture, a recording or a video, by the names of `media/probe.py`.
FACTS: dict[str, dict[str, str]] = {
    "en": {
        "size_bytes": "size",
        "exif": "camera notes",
        "has_place": "says where it was taken",
        "mode": "colours",
    },
    "ko": {
        "size_bytes": "크기",
        "format": "형식",
        "width": "너비",
        "height": "높이",
        "mode": "색",
        "frames": "프레임 수",
        "transparent": "투명한 부분이 있음",
        "resolution": "해상도(dpi)",
        "exif": "촬영 정보",
        "has_place": "찍은 곳이 들어 있음",
        "seconds": "길이(초)",
        "bit_rate": "비트레이트",
        "audio": "소리",
        "video": "영상",
        "subtitles": "자막 수",
        "tags": "태그",
        "codec": "코덱",
        "sample_rate": "표본율",
        "channels": "채널",
        "layout": "채널 배치",
        "language": "언어",
        "frames_per_second": "초당 프레임",
        "pixel_format": "픽셀 형식",
    },
}
DAYS = {
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    "ko": [f"{day}요일" for day in "월화수목금토일"],
}


def say(language: str, key: str, **values: object) -> str:
    """The text in the language, with its places filled; braces in values stay as they are."""
    return _TEXTS[language if language in _TEXTS else "en"][key].format(**values)
