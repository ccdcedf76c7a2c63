"""From a reply to its answer: behind the reasoning, before a next turn, behind "Answer:".

What a terminal or a text layout would eat is no part of an answer. Of a very long reply only the
head and the tail are read: an answer stands at one of them, and judging takes no longer than for
MOST_SIGNS signs. Of a reply that the budget cut off: whether it goes round in a loop, and what is
whole of it.
"""

from __future__ import annotations

import re
from itertools import pairwise

from niah.scorers.words import LINE, phrase
from niah.text.normalise import fold, without_accents

HEAD_SIGNS, TAIL_SIGNS = 6_000, 14_000
MOST_SIGNS = HEAD_SIGNS + TAIL_SIGNS
_OPEN = re.compile(r"<(?:think(?:ing)?|thought|reasoning)>|◁think▷", re.IGNORECASE)
_CLOSED = re.compile(
    r"</(?:think(?:ing)?|thought|reasoning)>|◁/think▷|<\|channel\|>final<\|message\|>",
    re.IGNORECASE,
)
_STOP = re.compile(  # a token as text
    r"<\|(?:im_(?:end|start)|eot_id|endoftext|end)\|>|</s>|<end_of_turn>|<eos>"
)
_UNSEEN = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours and cursor: ESC [ 1 m
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # window titles: ESC ] 0 ; text BEL
    r"|\x1b[@-Z\\-_]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_STRUCK = re.compile(r"~~(?!\s)[^~\n]{1,200}~~")  # ~~struck out~~
# above or below a sign
_A_MARK = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_MARKS_ABOVE = re.compile(rf"({_A_MARK}{{4}}){_A_MARK}+")
_LOOP_SIGNS = 3_000  # from the end, in which a loop is looked for
_LEAST_LOOP, _ROUNDS = 24, 3  # signs that a loop fills, and how often it says the same
_LEAST_COUNT, _COUNTED_ROUNDS = 60, 8  # the same of counting up
_DIGITS = re.compile(r"\d{40}$")
_ENUMERATOR = re.compile(r"(?<!\d)\d{1,4}(?=[.)、:]\s)")
_END = re.compile(r"[.!?][\"'*)]*(?=\s|$)|[。！？]|\n")

# **Answer:**, "answer": and 答案是, with what stands between it and the answer
_label = phrase(
    r"{label}\W{0,3}[:：][^\w\-−$]*|(?:答案|答案应该)[是为為][:：]?\s*|\\boxed(?=\{)", re.IGNORECASE
)
# a line that starts with "Explanation:" or 說明：, behind its answer; with "Question:" or 問題：
_explanation = phrase(r"^[^\w\n]*(?:{explanation}|說明|解釋)\W*[:：]", re.IGNORECASE | re.MULTILINE)
_turn = phrase(r"^[ \t>*#\[(]*(?:{turn}|問題|用戶)[ \t*\])]*[:：]", re.IGNORECASE | re.MULTILINE)


def answer_in(text: str, question: str = "") -> str:
    """What is given before a next turn, behind a last "Answer:" and before an "Explanation:"."""
    answer = said_in(text, question)
    behind = [answer[m.end() :] for m in _label().finditer(without_accents(answer))]
    given = next((said for said in reversed(behind) if re.search(r"\w", said)), answer)
    before = (given[: m.start()] for m in _explanation().finditer(without_accents(given)))
    return next((said for said in before if re.search(r"\w", said)), given)


def said_in(text: str, question: str = "") -> str:
    """What is said behind the reasoning and before a next turn, as a reader sees it."""
    return _without_next_turn(seen(without_reasoning(text)), question)


def goes_on(text: str, question: str = "") -> bool:
    """Whether a reply goes on to a next turn behind its answer."""
    return said_in(text, question) != seen(without_reasoning(text))


def without_reasoning(text: str) -> str:
    """The answer behind a block of reasoning in a model's marks. An open block holds no answer."""
    return _OPEN.split(_CLOSED.split(text)[-1])[0]


def seen(text: str) -> str:
    """A text as a reader sees it, without escape sequences; of a long one head and tail."""
    if len(text) > MOST_SIGNS:
        text = f"{text[:HEAD_SIGNS]}\n{text[-TAIL_SIGNS:]}"
    text = re.sub(r"\r\n?", "\n", _STRUCK.sub("", text))
    return _MARKS_ABOVE.sub(r"\1", _UNSEEN.sub("", text))


def squashed(text: str) -> str:
    """A folded text without white space and punctuation."""
    return re.sub(r"\W+", "", fold(text))


def lines_kept(text: str) -> str:
    """A text whose line ends, and dashes between words, survive folding."""
    text = re.sub(r"(?<=\S)[ \t]+[–-][ \t]+(?=\S)", " — ", text)
    return text.replace("\n", LINE).replace("…", " ; ").replace("...", " ; ").replace("’", "'")


def is_loop(text: str) -> bool:
    """Whether a text ends in the same words three times, in counting up, or in an endless number.

    Numbers of a list do not hide a loop: "1. 42 2. 42 3. 42".
    """
    tail = _ENUMERATOR.sub("#", re.sub(r"\s+", " ", text[-_LOOP_SIGNS:])).strip()
    uncounted = re.sub(r"\d", "0", tail)
    return (
        _DIGITS.search(tail.replace(" ", "")) is not None
        or _goes_round(tail, _ROUNDS, _LEAST_LOOP)
        or _goes_round(uncounted, _COUNTED_ROUNDS, _LEAST_COUNT)
    )


def whole_part(text: str) -> str:
    """A text up to the end of its last whole sentence or line."""
    return text[: max((m.end() for m in _END.finditer(text)), default=0)].strip()


def head_of(text: str) -> str:
    """The first whole sentence or line that says something."""
    ends = [0, *(m.end() for m in _END.finditer(f"{text}\n"))]
    pieces = (text[start:end].strip() for start, end in pairwise(ends))
    return next((piece for piece in pieces if re.search(r"\w", piece)), "")


def _without_next_turn(text: str, question: str) -> str:
    """A reply up to where the model asks itself: a line "Question:" that is not the asked one."""
    asked = squashed(question)
    ends = [m.start() for m in _STOP.finditer(text)]
    for turn in _turn().finditer(without_accents(text)):
        behind = squashed(text[turn.end() : turn.end() + 2 * len(question) + 40])
        if not (asked and behind.startswith(asked)):
            ends.append(turn.start())
    said = re.search(r"\w", _STOP.sub(lambda m: " " * len(m[0]), text))
    return next((text[:end] for end in sorted(ends) if said and end > said.start()), text)


def _goes_round(text: str, rounds: int, least: int) -> bool:
    """Whether a text ends in one piece, so many times over."""
    for period in range(1, len(text) // rounds + 1):
        piece, times = text[-period:], max(rounds, -(-least // period))
        if text.endswith(piece * times) and re.search(r"\w", piece):
            return True
    return False
