"""The records of the contact file and of the history (contactfile/CONTACTFILE.md and HISTORY.md), exact both ways.

As a program it shows a contact.dat or a history.dat, one JSON line for each record: python3 records.py FILE
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Type, TypeVar

from fields import Bad, Choice, Constant, Layout, Name, Text
from fields import decode as decode_fields
from fields import encode as encode_fields
from fields import length as length_of


class Time:
    """A time in UTC that fills its field, in seconds or milliseconds."""

    def __init__(self, timespec: str) -> None:
        self.timespec = timespec
        self.length = len(self.now())
        fraction = rb"\.[0-9]{3}" if timespec == "milliseconds" else rb""
        self._form = re.compile(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}" + fraction + rb"Z")

    def read(self, raw: bytes) -> str:
        if not self._form.fullmatch(raw):
            raise Bad("time")
        text = raw.decode("ascii")
        try:  # The calendar repeats after 400 years; the year 0000, which datetime does not know, is 0400 there.
            datetime.fromisoformat(f"{int(text[:4]) % 400 + 400:04}{text[4:-1]}")
        except ValueError:
            raise Bad("time") from None
        return text

    def write(self, value: str) -> bytes:
        raw = value.encode("utf-8", "surrogatepass")
        self.read(raw)
        return raw

    def now(self) -> str:
        return datetime.now(timezone.utc).replace(tzinfo=None).isoformat(timespec=self.timespec) + "Z"


@dataclass(frozen=True)
class ContactRecord:
    """A server in a contact file."""

    host: str
    operating: str
    application: str
    since: str


@dataclass(frozen=True)
class HistoryRecord:
    """What was ordered, and what became of it."""

    time: str
    host: str
    process: str
    trigger: str
    outcome: str
    application: str
    text: str


SINCE = Time("seconds")
TIME = Time("milliseconds")
TEXT = Text(107)
_END = Constant(b"\n", "end")

# The order of the fields is also that of the checks.
_LAYOUTS: Dict[Type[Any], Layout] = {
    ContactRecord: {
        "host": Name(64),
        "operating": Choice(8, "operating", ("RUNNING", "STOPPED")),
        "application": Name(24, may_be_empty=True),
        "since": SINCE,
        "filler": Constant(b" " * 11, "filler"),
        "end": _END,
    },
    HistoryRecord: {
        "time": TIME,
        "host": Name(64),
        "process": Name(16, may_be_empty=True),
        "trigger": Name(8),
        "outcome": Name(12),
        "application": Name(24, may_be_empty=True),
        "text": TEXT,
        "end": _END,
    },
}
LENGTHS = {kind: length_of(layout) for kind, layout in _LAYOUTS.items()}

Record = TypeVar("Record", ContactRecord, HistoryRecord)


def decode(kind: Type[Record], data: bytes) -> Record:
    """Reads the bytes of one record."""
    return kind(**decode_fields(_LAYOUTS[kind], data))


def encode(record: Any) -> bytes:
    """Writes a record; a value that has none is an error."""
    return encode_fields(_LAYOUTS[type(record)], asdict(record))


def read_contacts(data: bytes) -> List[ContactRecord]:
    """All records of a contact file."""
    return _read(ContactRecord, data, len(data))


def read_history(data: bytes) -> List[HistoryRecord]:
    """All records of a history; an incomplete last one is being written, and is left out."""
    return _read(HistoryRecord, data, len(data) - len(data) % LENGTHS[HistoryRecord])


def _read(kind: Type[Record], data: bytes, end: int) -> List[Record]:
    size = LENGTHS[kind]
    return [decode(kind, data[at : at + size]) for at in range(0, end, size)]


def main() -> None:
    path = Path(sys.argv[1])
    read = read_history if path.name == "history.dat" else read_contacts
    for record in read(path.read_bytes()):
        print(json.dumps(asdict(record)))


if __name__ == "__main__":
    main()
