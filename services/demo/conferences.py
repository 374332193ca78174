"""Conferences: who stands in which, who may end it, and when two can hear each other. No I/O."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class Participant:
    """A call that stands in a conference, or is on its way there."""

    call: str
    label: str | None = None
    start_on_enter: bool = True
    end_on_exit: bool = False
    joined: bool = False
    muted: bool = False
    hold: bool = False
    out: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(slots=True, eq=False)
class Conference:
    """A named room. It starts with the first participant that may start it, and ends with one that may end it."""

    sid: str
    name: str
    status: Literal["init", "in-progress", "completed"] = "init"
    members: dict[str, Participant] = field(default_factory=dict)

    @property
    def talking(self) -> bool:
        """Whether people hear each other."""
        return self.status == "in-progress" and sum(member.joined for member in self.members.values()) > 1

    def find(self, key: str) -> Participant | None:
        """Return a participant by its call or its label."""
        return self.members.get(key) or next((m for m in self.members.values() if m.label == key), None)

    def join(self, participant: Participant) -> None:
        """Let a call in."""
        self.members[participant.call] = participant
        participant.joined = True
        if participant.start_on_enter and self.status == "init":
            self.status = "in-progress"

    def leave(self, call: str) -> None:
        """Take a call out, which ends the conference if it was the last or may end it. Harmless if it is not there."""
        member = self.members.pop(call, None)
        if member is not None and (not self.members or (member.end_on_exit and member.joined)):
            self.complete()

    def complete(self) -> None:
        """End the conference: everybody in it, or on the way, is put out."""
        self.status = "completed"
        for member in self.members.values():
            if not member.out.done():
                member.out.set_result(None)


class Conferences:
    """All conferences that have not ended; a name is free again once its conference has."""

    def __init__(self) -> None:
        self._by_sid: dict[str, Conference] = {}

    def __iter__(self) -> Iterator[Conference]:
        self._forget_ended()
        return iter(list(self._by_sid.values()))

    def find(self, key: str) -> Conference | None:
        """Return a conference by SID or friendly name."""
        self._forget_ended()
        return self._by_sid.get(key) or next((room for room in self._by_sid.values() if room.name == key), None)

    def open(self, name: str, sid: str) -> Conference:
        """Return the conference of that name, made with `sid` if there is none."""
        room = self.find(name)
        if room is None:
            room = self._by_sid[sid] = Conference(sid, name)
        return room

    def _forget_ended(self) -> None:
        self._by_sid = {sid: room for sid, room in self._by_sid.items() if room.status != "completed"}
