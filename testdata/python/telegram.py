"""The four telegrams, exact both ways (telegram/SPEC.md, sections 2 to 4)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Collection, Dict, Type, TypeVar, Union

from fields import Bad, Constant, FormError, Layout, Name, Text
from fields import decode as decode_fields
from fields import encode as encode_fields
from fields import length as length_of


class Control(IntEnum):
    """The control codes; exactly one bit is set in each."""

    CHECK = 0x0001
    START = 0x0002
    END = 0x0004
    RUNNING = 0x0010
    STOPPED = 0x0020
    LAUNCH = 0x0100
    TAKEN = 0x0200
    ENDED = 0x0800
    LAUNCHED = 0x1000
    FAILED = 0x2000
    ALREADY = 0x4000
    REFUSED = 0x8000


class ControlField:
    """16 bits, big-endian: one of the controls of the telegram's type."""

    length = 2

    def __init__(self, *own: Control) -> None:
        self.own = own

    def read(self, raw: bytes) -> Control:
        value = int.from_bytes(raw, "big")
        if value not in self.own:
            raise Bad("control")
        return Control(value)

    def write(self, value: int) -> bytes:
        raw = value.to_bytes(self.length, "big")
        self.read(raw)
        return raw


@dataclass(frozen=True)
class SQ:
    """A status inquiry, manager to slave."""

    host: str
    control: int


@dataclass(frozen=True)
class SR:
    """A status response, slave to manager."""

    host: str
    control: int
    application: str
    text: str


@dataclass(frozen=True)
class XQ:
    """An execution order or a receipt, manager to slave."""

    host: str
    control: int
    process: str


@dataclass(frozen=True)
class XR:
    """An execution response, slave to manager."""

    host: str
    control: int
    process: str
    application: str
    text: str


Telegram = Union[SQ, SR, XQ, XR]
T = TypeVar("T", bound=Telegram)

TEXT = Text(104)
_HOST = Name(64)
_MESSAGE: Layout = {"application": Name(24, may_be_empty=True), "text": TEXT}
_PROCESS: Layout = {"process": Name(16)}
_UNKNOWN = "unknown-type"

# The order of the fields is also that of the checks 5 to 9 of section 4.
_LAYOUTS: Dict[Type[Telegram], Layout] = {
    SQ: {
        "host": _HOST,
        "type": Constant(b"SQ", _UNKNOWN),
        "control": ControlField(Control.CHECK, Control.START, Control.END),
    },
    SR: {
        "host": _HOST,
        "type": Constant(b"SR", _UNKNOWN),
        "control": ControlField(Control.RUNNING, Control.STOPPED),
        **_MESSAGE,
    },
    XQ: {
        "host": _HOST,
        "type": Constant(b"XQ", _UNKNOWN),
        "control": ControlField(Control.LAUNCH, Control.TAKEN),
        **_PROCESS,
    },
    XR: {
        "host": _HOST,
        "type": Constant(b"XR", _UNKNOWN),
        "control": ControlField(
            Control.ENDED, Control.LAUNCHED, Control.FAILED, Control.ALREADY, Control.REFUSED
        ),
        **_PROCESS,
        **_MESSAGE,
    },
}
_TYPES = {kind.__name__.encode("ascii"): kind for kind in _LAYOUTS}
_TYPE_OFFSET = 64

HOST = 64  # the bytes of the host name, with which each begins
HEADER = 68  # the bytes that are the same in all four
LENGTHS = {kind: length_of(layout) for kind, layout in _LAYOUTS.items()}
ALL: Collection[Type[Telegram]] = tuple(_LAYOUTS)


def type_of(header: bytes, taken: Collection[Type[T]] = ALL) -> Type[T]:
    """The type of the telegram that begins with this header (checks 1 to 3 of section 4)."""
    if len(header) < HEADER:
        raise FormError("length", "length", len(header))
    letters = header[_TYPE_OFFSET : _TYPE_OFFSET + 2]
    if letters not in _TYPES:
        raise FormError("type", _UNKNOWN, _TYPE_OFFSET)
    for kind in taken:
        if kind is _TYPES[letters]:
            return kind
    raise FormError("type", "wrong-type", _TYPE_OFFSET)


def decode(data: bytes, taken: Collection[Type[T]] = ALL) -> T:
    """Reads the bytes of exactly one telegram, of one of the types taken."""
    kind = type_of(data, taken)
    if len(data) != LENGTHS[kind]:
        raise FormError("length", "length", min(len(data), LENGTHS[kind]))
    return kind(**decode_fields(_LAYOUTS[kind], data))


def encode(telegram: Telegram) -> bytes:
    """Writes a telegram; a value that has none is an error."""
    return encode_fields(_LAYOUTS[type(telegram)], asdict(telegram))
