"""An estimate of token counts for engines whose tokenizer we do not hold."""

import math
import re

_WIDE = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]")
_WORD = re.compile(r"[A-Za-z]+|\d{1,3}|[^\sA-Za-z\d]")


def estimate_tokens(text: str) -> int:
    """Tokens a usual byte-pair vocabulary would need, estimated to the safe (high) side.

    A Hangul syllable or ideograph counts as one token; an English word as one per started six letters; a
    group of up to three digits and a mark as one each.
    """
    wide = len(_WIDE.findall(text))
    rest = _WIDE.sub(" ", text)
    return wide + sum(math.ceil(len(word) / 6) for word in _WORD.findall(rest))


def picture_tokens(width: int, height: int) -> int:
    """Tokens a picture of this size takes in a prompt, to the high side.

    Models cut it into patches of 28 pixels (Qwen-VL; Claude's width × height / 750 and OpenAI's tiles give
    as many or fewer) and add a few tokens around it.
    """
    return 85 + math.ceil(width / 28) * math.ceil(height / 28)
