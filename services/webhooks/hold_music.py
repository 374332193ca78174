"""The hold music: a slow, soft piece of our own, computed and not recorded, so that it belongs to nobody.

Twenty seconds of broken chords (C, A minor, F, G, twice) as mu-law at 8 kHz, which is what a telephone line carries.
How long it lasts is how often a waiting caller is spoken to.
"""

import math
import struct
from functools import lru_cache
from typing import Final

RATE_HZ: Final = 8000
BEAT_S: Final = 0.625  # 96 beats a minute
BEATS: Final = 32
MEDIA_TYPE: Final = "audio/wav"
_CHORDS: Final = ((48, 64, 67, 72), (45, 60, 64, 69), (41, 60, 65, 69), (43, 59, 62, 67))  # MIDI notes, the bass first
_PATTERN: Final = (1, 2, 3, 2, 1, 2, 3, 2)  # which note of the chord, every half beat
_NOTE_S: Final = 1.4
_PEAK: Final = 0.5  # of full scale: quiet enough to talk over
_MU: Final = 255
_WAVE_FORMAT_MULAW: Final = 7


@lru_cache(maxsize=1)
def hold_music() -> bytes:
    """Return the piece as a WAV file; the first call takes a fraction of a second, the others none."""
    samples = _mix()
    loudest = max(abs(sample) for sample in samples)
    table = _mulaw_table()
    scale = _PEAK * (len(table) // 2 - 1) / loudest
    middle = len(table) // 2
    return _wav(bytes(table[middle + int(sample * scale)] for sample in samples))


def _mix() -> list[float]:
    """Lay the notes over one another; what rings beyond the end is heard at the beginning, so the loop has no seam."""
    length = int(BEATS * BEAT_S * RATE_HZ)
    mix = [0.0] * length
    for start_s, note, loudness in _notes():
        at = int(start_s * RATE_HZ)
        for offset, sample in enumerate(_tone(note)):
            mix[(at + offset) % length] += loudness * sample
    return mix


def _notes() -> list[tuple[float, int, float]]:
    notes = []
    bars = BEATS // 4
    for bar in range(bars):
        chord = _CHORDS[bar % len(_CHORDS)]
        start_s = bar * 4 * BEAT_S
        notes += [(start_s, chord[0], 0.9), (start_s + 2 * BEAT_S, chord[0], 0.6)]
        notes += [(start_s + step * BEAT_S / 2, chord[voice], 0.5) for step, voice in enumerate(_PATTERN)]
    return notes


@lru_cache(maxsize=32)
def _tone(note: int) -> list[float]:
    """Return one struck note: a sine and two soft overtones that die away, the higher the sooner."""
    hertz = 440.0 * 2 ** ((note - 69) / 12)
    step = 2 * math.pi * hertz / RATE_HZ
    count = int(_NOTE_S * RATE_HZ)
    return [_sample(index, step) * _swell(index, count) for index in range(count)]


def _sample(index: int, step: float) -> float:
    phase = index * step
    return math.sin(phase) + 0.25 * math.sin(2 * phase) + 0.08 * math.sin(3 * phase)


def _swell(index: int, count: int) -> float:
    attack = min(1.0, index / (0.02 * RATE_HZ))
    release = min(1.0, (count - index) / (0.1 * RATE_HZ))
    return attack * release * math.exp(-2.6 * index / RATE_HZ)


def _mulaw_table() -> bytes:
    """Return the mu-law octet (ITU-T G.711) of each of 8192 levels from -1 to 1."""
    half = 4096
    return bytes(_mulaw(level / (half - 1)) for level in range(-half, half))


def _mulaw(value: float) -> int:
    """Compress one level by G.711's segments; octets travel inverted."""
    magnitude = min(int(abs(value) * 32635), 32635) + 132
    segment = magnitude.bit_length() - 8
    mantissa = (magnitude >> (segment + 3)) & 0x0F
    sign = 0x80 if value < 0 else 0
    return ~(sign | segment << 4 | mantissa) & 0xFF


def _wav(octets: bytes) -> bytes:
    chunk = struct.pack("<HHIIHHH", _WAVE_FORMAT_MULAW, 1, RATE_HZ, RATE_HZ, 1, 8, 0)
    fact = struct.pack("<I", len(octets))
    parts = b"".join(
        name + struct.pack("<I", len(content)) + content
        for name, content in ((b"fmt ", chunk), (b"fact", fact), (b"data", octets))
    )
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WAVE" + parts
