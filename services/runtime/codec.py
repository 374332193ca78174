"""Bytes of the log to envelopes and back: tolerant in, exact out."""

import json
from functools import lru_cache
from typing import Final, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from schemas.decisions import Decision, DecisionRecord
from schemas.envelope import Envelope
from schemas.errors import MalformedInput, UnknownType
from schemas.intake import FactEnvelope

DecisionEnvelope = Envelope[DecisionRecord]

_FACTS: TypeAdapter[FactEnvelope] = TypeAdapter(FactEnvelope)
T = TypeVar("T")

DECODED_KEPT: Final = 1024
"""Several readers in one process read the same record within moments: the first decodes it, for all (it is frozen)."""

_DECISION_TYPES: Final = frozenset(model.model_fields["type"].default for model in get_args(get_args(Decision)[0]))

_DECISIONS: TypeAdapter[DecisionEnvelope] = TypeAdapter(DecisionEnvelope)


def encode(envelope: FactEnvelope | DecisionEnvelope) -> bytes:
    """Return the envelope as compact JSON; fields that are None are left out."""
    return envelope.__pydantic_serializer__.to_json(envelope, exclude_none=True)


@lru_cache(maxsize=DECODED_KEPT)
def decode_fact(value: bytes) -> FactEnvelope:
    """Read a record of `intake`.

    Raises `UnknownType` for a type that this release does not know (count it and go on), `MalformedInput` for bytes
    that are no envelope. Neither quotes the record.
    """
    return _decode(_FACTS, value)


@lru_cache(maxsize=DECODED_KEPT)
def decode_decision(value: bytes) -> DecisionEnvelope:
    """Read a record of `decisions`; raises like `decode_fact`.

    A step that holds a decision of a newer release is read all the same, with `Unrecognised` in its place, since a
    reader that left the whole step out would miss its number and every step after it.
    """
    try:
        return _decode(_DECISIONS, value)
    except UnknownType:
        return _decode(_DECISIONS, _without_unknown(value))


def _without_unknown(value: bytes) -> bytes:
    document = json.loads(value)
    for index, decision in enumerate(document["data"].get("decisions", ())):
        if decision.get("type") not in _DECISION_TYPES:
            document["data"]["decisions"][index] = {"type": "unrecognised"}
    return json.dumps(document).encode()


def _decode(adapter: TypeAdapter[T], value: bytes) -> T:
    try:
        return adapter.validate_json(value, extra="ignore")  # a tenant's document is strict, where it is written
    except ValidationError as error:
        kinds = {detail["type"] for detail in error.errors(include_input=False, include_url=False)}
        if "union_tag_invalid" in kinds:
            raise UnknownType("a type of a newer release") from None
        places = sorted({".".join(map(str, detail["loc"])) for detail in error.errors(include_input=False)})
        raise MalformedInput(f"record breaks its schema at {', '.join(places[:5])}") from None
