"""Which column of an export says what, by its heading."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.whatif.tally import Tally

BROKEN_ROW: Final = "not a row of the table (a quote that does not close, or a field of over 128 KiB)"
_DELIMITERS: Final = (",", ";", "\t", "|")
_PLAIN: Final = re.compile(r"[^a-z0-9]")


def plain(heading: str) -> str:
    """Return a heading without case and separators, so that `Queue.Name`, `queue_name` and `QueueName` agree."""
    return _PLAIN.sub("", heading.lower())


@dataclass(frozen=True, slots=True)
class Header:
    """The headings of a table: place by plain name, and what stands between columns."""

    places: Mapping[str, int]
    delimiter: str

    @classmethod
    def of(cls, line: str) -> "Header":
        """Return the header that `line` is, with the delimiter that makes the most columns."""
        best: list[str] = []
        delimiter = _DELIMITERS[0]
        for candidate in _DELIMITERS:
            names = next(_rows([line], candidate), [])
            if len(names) > len(best):
                best, delimiter = names, candidate
        places: dict[str, int] = {}
        for place, name in enumerate(best):
            places.setdefault(plain(name), place)
        return cls(places, delimiter)

    def first(self, spellings: Iterable[str]) -> int | None:
        """Return the place of the first of `spellings` that is a heading, None if none is."""
        return next((self.places[name] for name in spellings if name in self.places), None)


def cell(row: Sequence[str], place: int | None) -> str:
    """Return what stands in the column, "" for a column that is not there and for what stands for nothing."""
    if place is None or place >= len(row):
        return ""
    text = row[place].strip()
    return "" if text.lower() in {"null", "none", "nan", "n/a", "-"} else text


def rows(lines: Iterable[str], header: Header, tally: Tally) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows below the header with the number of the line in which each ends; broken ones are counted."""
    reader = csv.reader(lines, delimiter=header.delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            tally.note_bad(BROKEN_ROW, reader.line_num + 1)
            continue
        tally.read = reader.line_num + 1  # the header is line 1
        if any(row):
            yield tally.read, row


def _rows(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, delimiter=delimiter)
    except csv.Error:
        return
