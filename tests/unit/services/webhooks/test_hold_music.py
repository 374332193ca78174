import struct

from services.carriers.addresses import HOLD_MUSIC
from services.webhooks.hold_music import BEAT_S, BEATS, RATE_HZ, _mulaw, hold_music


def decoded(octet):
    """Expand one mu-law octet (ITU-T G.711), written apart from what compresses it."""
    octet = ~octet & 0xFF
    magnitude = ((((octet & 0x0F) << 3) + 132) << ((octet >> 4) & 7)) - 132
    return -magnitude if octet & 0x80 else magnitude


def test_compression_is_the_standards():
    assert [_mulaw(value) for value in (0.0, 1.0, -1.0)] == [0xFF, 0x80, 0x00]
    for step in range(-100, 101):
        value = step / 100 * 32635
        assert abs(decoded(_mulaw(step / 100)) - value) <= max(8, abs(value) / 16)


def test_the_piece_is_a_wav_of_twenty_seconds():
    wav = hold_music()
    assert (wav[:4], wav[8:16]) == (b"RIFF", b"WAVEfmt ")
    assert struct.unpack("<I", wav[4:8])[0] == len(wav) - 8
    assert struct.unpack("<HHIIHHH", wav[20:38]) == (7, 1, 8000, 8000, 1, 8, 0)
    at = wav.index(b"data")
    assert struct.unpack("<I", wav[at + 4 : at + 8])[0] == BEATS * BEAT_S * RATE_HZ == len(wav) - at - 8


def test_it_is_heard_all_the_time_and_never_too_loud():
    samples = [decoded(octet) for octet in hold_music()[-160_000:]]
    assert max(map(abs, samples)) <= 0.52 * 32635
    for start in range(0, len(samples), RATE_HZ):
        assert max(map(abs, samples[start : start + RATE_HZ])) > 1500


def test_the_loop_has_no_click():
    samples = [decoded(octet) for octet in hold_music()[-160_000:]]
    steps = [abs(a - b) for a, b in zip(samples, [*samples[1:], samples[0]], strict=True)]
    assert steps[-1] <= max(steps[:-1])


async def test_it_is_served_and_may_be_kept(world):
    answer = await world.carrier.client.get(HOLD_MUSIC)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["cache-control"] == "public, max-age=86400"
    assert answer.content == hold_music()
