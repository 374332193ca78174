import json
from base64 import b64decode

from services.runtime.bus import Place, Record
from services.runtime.bus_rules import MESSAGE_BYTES_MAX
from services.runtime.dead_letters import VALUE_BYTES_MAX, dead_letter

PLACE = Place("intake", 3)


def test_a_letter_has_the_reason_and_the_record() -> None:
    message = dead_letter(Record(PLACE, 7, b"\xff\x00", "pool"), reason="no JSON", reader="records")
    letter = json.loads(message.value)
    assert b64decode(letter.pop("value")) == b"\xff\x00"
    assert letter == {
        "reader": "records", "topic": "intake", "partition": 3, "offset": 7, "reason": "no JSON", "key": "pool",
        "bytes": 2, "cut": False,
    }  # fmt: skip
    assert message.key == "records/intake/3/7"


def test_two_readers_of_one_record_write_two_letters_and_a_repeat_has_the_same_key() -> None:
    record = Record(PLACE, 7, b"x")
    keys = [dead_letter(record, reason="r", reader=reader).key for reader in ("routing", "records", "records")]
    assert len(set(keys)) == 2
    assert keys[1] == keys[2]


def test_the_largest_record_fits_into_a_letter() -> None:
    value = b"\xff" * MESSAGE_BYTES_MAX
    message = dead_letter(Record(PLACE, 7, value, "k" * 200), reason="r" * 200)
    assert len(message.value) + len(message.key or "") <= MESSAGE_BYTES_MAX
    letter = json.loads(message.value)
    assert (letter["bytes"], letter["cut"]) == (len(value), True)
    assert b64decode(letter["value"]) == value[:VALUE_BYTES_MAX]
