"""Every record that was ever written can still be read, and means what it meant."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from schemas.decisions import Decision, DecisionRecord, SnapshotChunk
from schemas.envelope import Envelope
from schemas.intake import Fact
from schemas.tenant_config import TenantConfig
from services.runtime.codec import decode_decision, decode_fact, encode

GOLDEN = Path(__file__).parent / "golden"
SAMPLES = {folder: sorted((GOLDEN / folder).glob("*.json")) for folder in ("facts", "decisions", "records")}
VERSION = 1


def types(union: Any) -> set[str]:
    return {model.model_fields["type"].default for model in get_args(get_args(union)[0])}


def names(folder: str) -> set[str]:
    return {path.name.removesuffix(f".v{VERSION}.json") for path in SAMPLES[folder]}


def lost(written: Any, read: Any, place: str = "") -> list[str]:
    """Name what a sample holds and its reading does not."""
    if isinstance(written, dict) and isinstance(read, dict):
        return [
            found
            for key, value in written.items()
            for found in (lost(value, read[key], f"{place}/{key}") if key in read else [f"{place}/{key}"])
        ]
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        return [found for n, value in enumerate(written) for found in lost(value, read[n], f"{place}/{n}")]
    return [] if written == read else [place]


def shown(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", SAMPLES["facts"], ids=shown)
def test_a_fact_is_read_as_it_was_written(path):
    envelope = decode_fact(path.read_bytes())
    assert envelope.type == envelope.data.type == path.name.removesuffix(f".v{VERSION}.json")
    assert envelope.data.schema_version == VERSION
    assert lost(json.loads(path.read_text()), json.loads(encode(envelope))) == []


@pytest.mark.parametrize("path", [*SAMPLES["decisions"], *SAMPLES["records"]], ids=shown)
def test_a_record_of_decisions_is_read_as_it_was_written(path):
    if path.name.startswith("router.snapshot"):
        envelope: Any = Envelope[SnapshotChunk].model_validate_json(path.read_bytes())
        again = envelope.model_dump_json(exclude_none=True)
    else:
        envelope = decode_decision(path.read_bytes())
        again = encode(envelope)
    assert lost(json.loads(path.read_text()), json.loads(again)) == []


@pytest.mark.parametrize("path", SAMPLES["decisions"], ids=shown)
def test_the_decision_is_known_for_what_it_is(path):
    (decision,) = decode_decision(path.read_bytes()).data.decisions
    assert decision.type == path.name.removesuffix(f".v{VERSION}.json")


def test_a_document_of_a_newer_release_is_read_without_what_is_new():
    """Its writer had checked it; here, at the edge, the same key is refused."""
    written = json.loads((GOLDEN / "facts" / "config.applied.v1.json").read_text())
    written["data"]["document"]["timers"]["unheard_of_s"] = 5
    read = decode_fact(json.dumps(written).encode()).data.document
    assert read == decode_fact((GOLDEN / "facts" / "config.applied.v1.json").read_bytes()).data.document
    with pytest.raises(ValidationError, match="unheard_of_s"):
        TenantConfig.model_validate(written["data"]["document"])


def test_every_type_has_its_sample():
    assert names("facts") == types(Fact)
    assert names("decisions") == types(Decision)
    assert names("records") == types(DecisionRecord) | {SnapshotChunk.model_fields["type"].default}


@pytest.mark.parametrize("folder", ["facts", "records"])
def test_no_sample_is_of_a_version_that_nobody_writes_yet(folder):
    versions = {json.loads(path.read_text())["data"]["schema_version"] for path in SAMPLES[folder]}
    assert versions == {VERSION}


@pytest.mark.parametrize(
    ("written", "read", "places"),
    [
        ({"a": 1, "b": [1, {"c": 2}]}, {"a": 1, "b": [1, {"c": 2}], "new": 3}, []),
        ({"a": 1}, {}, ["/a"]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, ["/a/0/b"]),
        ({"a": [1, 2]}, {"a": [1]}, ["/a"]),
    ],
)
def test_the_comparison_sees(written, read, places):
    assert lost(written, read) == places
