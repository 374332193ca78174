"""When each desktop is to come back, after a gateway has said that it goes away.

All at once would be a storm for the other gateways; so each session has a share of a spread, drawn from its id: the
same wherever it is asked for, and even over many sessions.
"""

from zlib import crc32

from schemas.ids import SessionId


def reconnect_after_s(session: SessionId, *, desktops: int, per_s_max: float, spread_s_max: float) -> float:
    """Return after how many seconds a session is to connect again, at least 0 and less than `spread_s_max`.

    `desktops` is how many go away together. They come back `per_s_max` a second, or faster where `spread_s_max` would
    not be enough for that.
    """
    share = crc32(session.encode()) / 2**32
    return share * min(desktops / per_s_max, spread_s_max)
