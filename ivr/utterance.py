"""What was said, made comparable: lower case, plain letters, contractions written out, numbers as digits.

Speech recognisers disagree on spelling and punctuation ("can't", "cant", "cannot"; "one hundred three", "103"), and
every rule would have to know all spellings. Here they are made one, for English and Spanish alike, since callers mix
them. In the result words and punctuation marks are separated by single blanks.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

CHARS_MAX: Final = 1000  # of an utterance; the rest is not looked at

_SPELLINGS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\bcan'?t\b|\bcannot\b", "can not"),
        (r"\bwon'?t\b", "will not"),
        (r"n't\b", " not"),
        (r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should)nt\b", r"\1 not"),
        (r"\bim\b|\bi'm\b", "i am"),
        (r"\bive\b", "i have"),
        (r"\b(he|she|that|there)s\b", r"\1 is"),
        (r"'s\b", " is"),
        (r"'re\b", " are"),
        (r"'ve\b", " have"),
        (r"'ll\b", " will"),
        (r"'d\b", " would"),
        (r"\bgonna\b", "going to"),
        (r"\bwanna\b", "want to"),
        (r"\b9[ -]1[ -]1\b", "911"),
        (r"\bx ray", "xray"),
        (r"(?<=\d),(?=\d{1,2}\b)", "."),  # 39,5: a decimal comma
        (r"(?<=\d)\.(?!\d)|(?<!\d)\.(?=\d)|(?<!\d)\.(?!\d)", " . "),
        (r"([,;:!?])", r" \1 "),
        (r"[^a-z0-9.,;:!?]+", " "),
    )
)

_UNITS: Final = {
    word: value
    for value, words in enumerate(
        (
            "zero cero", "one", "two dos", "three tres", "four cuatro", "five cinco", "six seis", "seven siete",
            "eight ocho", "nine nueve", "ten diez", "eleven", "twelve doce", "thirteen trece", "fourteen catorce",
            "fifteen quince", "sixteen dieciseis", "seventeen diecisiete", "eighteen dieciocho", "nineteen diecinueve",
        )
    )
    for word in words.split()
}  # fmt: skip
_TENS: Final = {
    word: 10 * value
    for value, words in enumerate(
        (
            "twenty veinte", "thirty treinta", "forty cuarenta", "fifty cincuenta", "sixty sesenta", "seventy setenta",
            "eighty ochenta", "ninety noventa",
        ),
        start=2,
    )
    for word in words.split()
}  # fmt: skip
_HUNDREDS: Final = {"cien": 100, "ciento": 100, "doscientos": 200, "trescientos": 300, "cuatrocientos": 400,
                    "quinientos": 500}  # fmt: skip
_JOINERS: Final = {"and", "y"}
_TEN: Final = 10
_POINT: Final = re.compile(r"(?<=\d) (?:point|punto|coma) (?=\d)")
_ONE_OH: Final = re.compile(r"\b1 (?:oh|o) (\d)\b")  # "one oh three"


def normalise(text: str) -> str:
    """Return the words of `text` in the one spelling that all rules are written for; looks at the first 1,000 chars."""
    plain = unicodedata.normalize("NFKD", text[:CHARS_MAX].lower().replace("\u2019", "'"))
    # Cut once more: some characters are written out as a dozen.
    result = "".join(char for char in plain if not unicodedata.combining(char))[:CHARS_MAX]
    for pattern, replacement in _SPELLINGS:
        result = pattern.sub(replacement, result)
    spoken = " ".join(_digits(result.split()))
    return _ONE_OH.sub(r"10\1", _POINT.sub(".", spoken))


def _digits(words: Sequence[str]) -> list[str]:
    result: list[str] = []
    index = 0
    while index < len(words):
        value, after = _number_at(words, index)
        result.append(words[index] if after == index else str(value))
        index = max(after, index + 1)
    return result


def _number_at(words: Sequence[str], start: int) -> tuple[int, int]:
    """Read a number below 1,000 written in words; return it and where it ends, which is `start` if there is none."""
    hundreds, middle = _hundreds_at(words, start)
    rest, end = _below_hundred_at(words, middle)
    if middle > start and end == middle and _at(words, middle) in _JOINERS:
        rest, end = _below_hundred_at(words, middle + 1)
        end = middle if end == middle + 1 else end
    return hundreds + rest, end


def _hundreds_at(words: Sequence[str], start: int) -> tuple[int, int]:
    word = words[start]
    if word in _HUNDREDS:
        return _HUNDREDS[word], start + 1
    if _at(words, start + 1) == "hundred" and (word == "a" or 0 < _UNITS.get(word, 0) < _TEN):
        return 100 * _UNITS.get(word, 1), start + 2
    return 0, start


def _below_hundred_at(words: Sequence[str], start: int) -> tuple[int, int]:
    word = _at(words, start)
    if word not in _TENS:
        return (_UNITS[word], start + 1) if word in _UNITS else (0, start)
    unit_at = start + 2 if _at(words, start + 1) == "y" else start + 1
    unit = _UNITS.get(_at(words, unit_at), 0)
    return (_TENS[word] + unit, unit_at + 1) if 0 < unit < _TEN else (_TENS[word], start + 1)


def _at(words: Sequence[str], index: int) -> str:
    return words[index] if index < len(words) else ""


_SUBJECT: Final = (
    r"(?:i|he|she|they|we|it|you|yo|ella|ellos|does|do|can|could|is there|are there|necesito|quiero|tengo)"
)
_OWN: Final = (
    r"(?:my|his|her|our|the|mi|su|el|la) \w+ (?:is|are|has|have|can|will|hurts?|feels?|just|keeps?|started|esta|tiene)"
)
_BREAKS: Final = re.compile(
    r" (?:[.,;:!?]|but|however|though|although|because|so|pero|aunque|porque|entonces)(?= |$)"
    rf"|(?<=\w) (?:and|y|e) (?={_SUBJECT}\b|{_OWN}\b|now\b|ahora\b|me\b|le\b)"
)
_RUN_ON: Final = re.compile(rf"(?<=\w) (?={_SUBJECT} |{_OWN}\b)")
_LEADS: Final = re.compile(
    r"\b(?:when|if|that|think|because|since|case|while|and|what|how|why|where|should|would|could|can|do|does|did|is|am"
    r"|are|know|believe|say|says|said|ever|cuando|si|que|creo|not)$"
)
_SPEAKER: Final = re.compile(rf"\b(?:{_SUBJECT}|my|mi|me|le|tuve|tuvo)\b")


def clauses(normal: str) -> list[tuple[int, int]]:
    """Return where the clauses of a normalised utterance begin and end, as offsets.

    Recognisers rarely write punctuation, so a new subject also begins a clause ("I had a stroke in 2015 I need ...").
    """
    result: list[tuple[int, int]] = []
    start = 0
    for found in _BREAKS.finditer(normal):
        result += _split_run_on(normal, start, found.start())
        start = found.end()
    result += _split_run_on(normal, start, len(normal))
    return [(begin, end) for begin, end in result if begin < end]


def _split_run_on(normal: str, start: int, end: int) -> list[tuple[int, int]]:
    parts: list[tuple[int, int]] = []
    for found in _RUN_ON.finditer(normal, start, end):
        before = normal[start : found.start()]
        if _SPEAKER.search(before) and not _LEADS.search(before):
            parts.append((start, found.start()))
            start = found.end()
    return [*parts, (start, end)]
