"""Frames as JSON text: strict in, exact out."""

from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import MalformedInput
from schemas.gateway_frames import ClientFrame, Hello, ServerFrame

_CLIENT: Final[TypeAdapter[ClientFrame]] = TypeAdapter(ClientFrame)
_PLACES_MAX: Final = 5  # how many wrong fields one error names


class FrameRefused(MalformedInput):
    """A frame that is no frame. `code` is what the desktop is told; `reason` names fields and never their values."""

    def __init__(self, code: Literal["malformed", "unknown_type"], reason: str) -> None:
        super().__init__(reason)
        self.code: Final = code


def parse(text: str | bytes) -> ClientFrame:
    """Read a frame from a desktop.

    Raises:
        FrameRefused: it is no JSON, its type is unknown, or a field is missing, wrong or not one of the frame's.
    """
    try:
        return _CLIENT.validate_json(text)
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False, include_context=False)
        kinds = {detail["type"] for detail in details}
        if "union_tag_invalid" in kinds:
            raise FrameRefused("unknown_type", "no frame of this type is known") from None
        places = {_place(detail) for detail in details}
        where = ", ".join(sorted(place for place in places if place)[:_PLACES_MAX])
        raise FrameRefused("malformed", f"the frame breaks its schema{f' at {where}' if where else ''}") from None


def _place(detail: ErrorDetails) -> str:
    # The name of a field that is not ours is input: what holds it is named instead.
    known = detail["loc"][:-1] if detail["type"] == "extra_forbidden" else detail["loc"]
    return ".".join(map(str, known))


def resumes_at(text: str | bytes) -> int | None:
    """Return the position from which a `hello` wants to go on; None for every other message."""
    try:
        frame = parse(text)
    except FrameRefused:
        return None
    return frame.resume.seq if isinstance(frame, Hello) and frame.resume is not None else None


def encode(frame: ServerFrame) -> str:
    """Return a frame as compact JSON text; every field is there, None as null."""
    return frame.model_dump_json()
