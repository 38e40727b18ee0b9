"""How a text is cut into index terms, in Korean, English and other languages.

Hangul words give their bigrams and, as one term more, the whole word without its particle; Han and kana give
bigrams; other words are lower-cased, freed of accents and of plural, -ing and -ed; function words of English
and Korean are left out. Each term ends in "_", which lifts it over InnoDB's shortest token (3) and past its
stop words.
"""

import re
import unicodedata

LONGEST_TERM = 80  # InnoDB keeps tokens of at most 84 characters

WORD = re.compile(r"[가-힣]+|[぀-ヿ㐀-鿿]+|[^\W가-힣぀-ヿ㐀-鿿_]+")
# fmt: off
FUNCTION_WORDS = frozenset([
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do",
    "does", "for", "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its",
    "may", "more", "most", "no", "not", "of", "on", "or", "s", "so", "such", "than", "that", "the",
    "their", "them", "then", "there", "these", "they", "this", "those", "to", "was", "we", "were",
    "what", "when", "where", "which", "who", "why", "will", "with", "would", "you", "your",
])
KOREAN_FUNCTION_WORDS = frozenset([
    "어떻게", "어떤", "어느", "무엇", "무엇을", "무엇이", "무엇인가", "무엇인가요",
    "무슨", "뭐", "뭐야", "뭔가요", "왜", "언제", "어디", "어디서",
    "어디에", "어디에서", "누구", "누가", "얼마나", "얼마", "몇", "그",
    "이", "저", "것", "수", "등", "및", "또는", "그리고",
    "하나요", "하려면", "하면", "해야", "할", "하는", "한", "된",
    "되나요", "됩니까", "인가", "인가요", "있나요", "있어요", "있어", "있는",
    "있다", "있습니다", "있습니까", "알려줘", "알려주세요", "알려", "줘", "주세요",
    "해줘", "대해", "대한", "대하여", "위해", "위한",
])
# What a word of one syllable carries; it keeps it in the index, as no word is cut down to one syllable.
SHORT_PARTICLES = "은는이가을를의에으로와과도만"
_PARTICLES = [  # longest first
    "이라는", "에서는", "으로는", "이었다", "되었다", "에서", "에게", "으로", "까지", "부터", "라는", "라고",
    "하는", "했다", "하여", "에는", "이다", "였다", "하다", "되는", "들은", "들이", "들의", "들을",
    "은", "는", "이", "가", "을", "를", "의", "에", "로", "와", "과", "도",
    "만", "인", "한", "된", "들",
]
# fmt: on


def terms(text: str) -> list[str]:
    """The index terms of `text`, in order and with repeats; only letters a-z, digits, "_" and CJK in them."""
    found: list[str] = []
    for word in WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        if word in FUNCTION_WORDS or word in KOREAN_FUNCTION_WORDS:
            continue
        if "가" <= word[0] <= "힣":
            found += _bigrams(word)
            stem = without_particle(word)
            if len(stem) > 1:
                found.append(f"{stem[: LONGEST_TERM - 2]}__")
        elif "぀" <= word[0] <= "鿿":
            found += _bigrams(word)
        else:
            found.append(_term(english_stem(_plain(word))))
    return found


def forms_of(term: str) -> list[str]:
    """The other terms under which a Korean word of one syllable stands: "집" in "집은", "집에서"."""
    if len(term) != 3 or not term.endswith("__") or not "가" <= term[0] <= "힣":
        return []
    return [f"{term[0]}{particle}_" for particle in SHORT_PARTICLES]


def without_particle(word: str) -> str:
    """A Korean word without the particle or ending it carries; at least two syllables stay."""
    for particle in _PARTICLES:
        if word.endswith(particle) and len(word) - len(particle) >= 2:
            return word[: -len(particle)]
    return word


def english_stem(word: str) -> str:
    """An English word without plural, -ing, -ed and final e: lighter than Porter, so that prefixes match."""
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and word[-2] not in "sui":
        word = word[:-1]
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 3 and any(letter in "aeiouy" for letter in stem):
            word = stem[:-1] if stem[-1] == stem[-2] and stem[-1] not in "lsz" else stem
            break
    return word[:-1] if len(word) > 3 and word[-1] == "e" else word


def _bigrams(word: str) -> list[str]:
    return [_term(word[at : at + 2]) for at in range(max(1, len(word) - 1))]


def _plain(word: str) -> str:
    """The word without accents; letters that an engine's tokeniser may not know become their number."""
    if word.isascii():
        return word
    letters = (letter for letter in unicodedata.normalize("NFKD", word) if not unicodedata.combining(letter))
    return "".join(
        letter if letter.isascii() else f"x{ord(letter):x}" for letter in letters if letter.isalnum()
    )


def _term(word: str) -> str:
    return f"{word[:LONGEST_TERM]}_".ljust(3, "_")
