"""Every pattern is read in time that grows with the words and not with their number of readings.

A caller decides what is matched, and a pattern that can read the same words in many ways keeps the whole process busy
with the longest utterance. So a repeated group has to be read in one way only.
"""

import importlib
import pkgutil
import re
from itertools import product
from re import _constants as op
from re import _parser as parser

import pytest

import ivr
from ivr.intents import understand
from ivr.utterance import CHARS_MAX, normalise

BLANK = ord(" ")
WORDS_MAX = 5000


MODULES = tuple(module.name for module in pkgutil.walk_packages(ivr.__path__, "ivr."))


def _inside(value):
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from _inside(tuple(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _inside(one)


def is_read_in_one_way(tree):
    """Return whether every repeated group of a parsed pattern has one reading of each text."""
    for code, value in tree:
        if code in {op.MAX_REPEAT, op.MIN_REPEAT}:
            most, body = value[1], value[2]
            if most != 1 and not _is_unambiguous(body):
                return False
        if not all(is_read_in_one_way(part) for part in _parts(code, value)):
            return False
    return True


def _parts(code, value):
    if code in {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}:
        return [value[2]]
    if code is op.SUBPATTERN:
        return [value[3]]
    if code is op.BRANCH:
        return value[1]
    if code in {op.ASSERT, op.ASSERT_NOT}:
        return [value[1]]
    return [value] if code is op.ATOMIC_GROUP else []


def _is_unambiguous(body):
    """Return whether a repeated body is one character, or begins or ends with a blank and has no other.

    Then each blank begins a round, and only the words of one round remain to be read in different ways.
    """
    items = [item for item in body if item[0] not in {op.ASSERT, op.ASSERT_NOT, op.AT}]
    if len(items) == 1 and items[0][0] in {op.LITERAL, op.NOT_LITERAL, op.IN, op.ANY}:
        return True
    words = _language(items)
    if words is not None:
        ends = all(word.find(" ") == len(word) - 1 for word in words)
        begins = all(word.rfind(" ") == 0 for word in words)
        return (ends or begins) and len(words) == len(set(words))
    if (op.LITERAL, BLANK) not in (items[0], items[-1]):
        return False
    rest = items[1:] if items[0] == (op.LITERAL, BLANK) else items[:-1]
    return not any(map(_may_be_blank, rest)) and _is_one_run(rest)


def _is_one_run(items):
    return len(items) == 1 and items[0][0] is op.MAX_REPEAT and len(items[0][1][2]) == 1


def _language(items):
    """Return every word that the items match, once for each way to do so; None if there is no end of them."""
    sequence = [[""]]
    for code, value in items:
        if code is op.LITERAL:
            sequence.append([chr(value)])
        elif code is op.IN and all(kind is op.LITERAL for kind, _ in value):
            sequence.append([chr(char) for _, char in value])
        elif code in {op.BRANCH, op.SUBPATTERN}:
            ways = [_language(part) for part in _parts(code, value)]
            if None in ways:
                return None
            sequence.append([word for way in ways for word in way])
        elif code is op.MAX_REPEAT and value[:2] == (0, 1):
            words = _language(value[2])
            if words is None:
                return None
            sequence.append(["", *words])
        elif code is not op.AT:
            return None
    words = ["".join(word) for word in product(*sequence)]
    return words if len(words) <= WORDS_MAX else None


def _may_be_blank(item):
    code, value = item
    if code is op.LITERAL:
        return value == BLANK
    if code is op.IN:
        return bool(re.match(_class(value), " "))
    if code in {op.ANY, op.NOT_LITERAL}:
        return True
    return any(_may_be_blank(inner) for part in _parts(code, value) for inner in part)


def _class(members):
    """Write a character class again, for the few kinds of members that we use."""
    text = ""
    for kind, value in members:
        if kind is op.NEGATE:
            text += "^"
        elif kind is op.LITERAL:
            text += re.escape(chr(value))
        elif kind is op.RANGE:
            text += f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        else:
            names = {op.CATEGORY_WORD: r"\w", op.CATEGORY_DIGIT: r"\d", op.CATEGORY_SPACE: r"\s",
                     op.CATEGORY_NOT_SPACE: r"\S", op.CATEGORY_NOT_WORD: r"\W"}  # fmt: skip
            text += names[value]
    return f"[{text}]"


@pytest.mark.parametrize("module", MODULES)
def test_a_repeated_group_is_read_in_one_way(module):
    found = _inside(tuple(vars(importlib.import_module(module)).values()))
    ambiguous = {one.pattern for one in found if not is_read_in_one_way(parser.parse(one.pattern, one.flags))}
    assert ambiguous == set()


def test_all_patterns_are_looked_at():
    found = [one for name in MODULES for one in _inside(tuple(vars(importlib.import_module(name)).values()))]
    assert len(found) > 100


@pytest.mark.parametrize(
    ("pattern", "good"),
    [
        (r"(?:no|no thanks|thanks|[,. ])+", False),
        (r"(?:a+)+", False),
        (r"(?:\w+ \w+ ){0,9}", False),
        (r"(?: (?:an|b|an))*", False),
        (r"(?:is |was ){1,2}", True),
        (r"(?: \S+){0,9}", True),
        (r"(?:[\w.]+ ){0,4}", True),
        (r"(?: (?:an|a|the))*", True),
        (r"(?:a|b|[,. ]++)++", True),
        (r"x(?:y|z*)", True),
    ],
)
def test_the_check_itself(pattern, good):
    assert is_read_in_one_way(parser.parse(pattern)) is good


@pytest.mark.timeout(60)  # ends what would go on for ever; nothing that passes comes near
@pytest.mark.parametrize(
    "words",
    ["no thanks ", "thank you ", "yes ", "no gracias ", "no pain or ", "if i ", "not a ", "i have the same pain ",
     "my chest hurts and ", "refill a b c ", "one hundred and ", "history of "],
)  # fmt: skip
def test_the_longest_utterance_of_one_repeated_word_is_understood(call, words):
    for end in ("", "x", " !"):
        text = (words * CHARS_MAX)[: CHARS_MAX - len(end)] + end
        understand(text)
        call.starts()
        call.session = call.session.with_(node=call.world["flow"].after_task)
        call.says(text)


def test_letters_that_are_written_out_do_not_make_an_utterance_longer():
    assert len(normalise("\u33c2" * CHARS_MAX)) <= 3 * CHARS_MAX  # "a.m.", and a blank around each stop
