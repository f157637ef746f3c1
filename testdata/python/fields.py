"""The forms of fixed fields, which telegrams and records share (telegram/SPEC.md, sections 3 and 4).

A layout is the fields of a telegram or record in their order, each with its form. A form reads the bytes of its field and
writes them.
"""

from __future__ import annotations

import re
from typing import Any, Collection, Dict, Mapping, Optional, Protocol


class FormError(ValueError):
    """What is wrong with bytes or a value: the field, the kind, and the offset of the first bad byte (of a value None)."""

    def __init__(self, field: str, kind: str, offset: Optional[int] = None) -> None:
        super().__init__(f"{field}: {kind}" + ("" if offset is None else f" at byte {offset}"))
        self.field, self.kind, self.offset = field, kind, offset


class Bad(Exception):
    """What a form finds wrong; the offset counts from the start of the field."""

    def __init__(self, kind: str, offset: int = 0) -> None:
        super().__init__(kind)
        self.kind, self.offset = kind, offset


class Form(Protocol):
    """How one field is read and written. read takes exactly length bytes, write gives as many."""

    length: int

    def read(self, raw: bytes) -> Any: ...

    def write(self, value: Any) -> bytes: ...


Layout = Mapping[str, Form]

_NAME = bytes(range(0x21, 0x7F))
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


class Name:
    """Bytes 0x21-0x7E, left-justified, padded with spaces."""

    def __init__(self, length: int, may_be_empty: bool = False) -> None:
        self.length, self.may_be_empty = length, may_be_empty

    def read(self, raw: bytes) -> str:
        end = self.length - len(raw.lstrip(_NAME))
        rest = raw[end:].lstrip(b" ")
        if rest and rest[0] in _NAME:
            raise Bad("space", end)
        if rest:
            raise Bad("byte", self.length - len(rest))
        if end == 0 and not self.may_be_empty:
            raise Bad("empty")
        return raw[:end].decode("ascii")

    def write(self, value: str) -> bytes:
        raw = padded(value, self.length)
        if self.read(raw) != value:
            raise Bad("space")  # at its end, where it would read as padding
        return raw


class Text:
    """UTF-8 without control characters, padded with spaces."""

    def __init__(self, length: int) -> None:
        self.length = length

    def read(self, raw: bytes) -> str:
        good = self.length  # bytes that are UTF-8
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            good = error.start
        text = raw[:good].decode("utf-8")
        control = _CONTROL.search(text)
        if control:
            raise Bad("control-char", len(text[: control.start()].encode("utf-8")))
        if good < self.length:
            raise Bad("utf8", good)
        return text.rstrip(" ")

    def write(self, value: str) -> bytes:
        raw = padded(value, self.length)
        self.read(raw)
        if value.endswith(" "):
            raise Bad("trailing-space")
        return raw

    def cut(self, value: str) -> str:
        """What fits of the text, cut between two characters, and without spaces at its end."""
        return value.encode("utf-8")[: self.length].decode("utf-8", "ignore").rstrip(" ")


class Choice:
    """One of some names, padded with spaces; anything else is an error of this kind."""

    def __init__(self, length: int, kind: str, names: Collection[str]) -> None:
        self.length, self.kind = length, kind
        self.names = {padded(name, length): name for name in names}

    def read(self, raw: bytes) -> str:
        if raw not in self.names:
            raise Bad(self.kind)
        return self.names[raw]

    def write(self, value: str) -> bytes:
        raw = padded(value, self.length)
        self.read(raw)
        return raw


class Constant:
    """Bytes that are always the same; anything else is an error of this kind. It has no value."""

    def __init__(self, raw: bytes, kind: str) -> None:
        self.length, self.raw, self.kind = len(raw), raw, kind

    def read(self, raw: bytes) -> None:
        for at, (found, wanted) in enumerate(zip(raw, self.raw)):
            if found != wanted:
                raise Bad(self.kind, at)

    def write(self, value: None) -> bytes:
        return self.raw


def padded(value: str, length: int) -> bytes:
    """The bytes of a value with spaces up to the length. Half a surrogate pair gives bytes that are no UTF-8."""
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) > length:
        raise Bad("too-long")
    return raw.ljust(length, b" ")


def decode(layout: Layout, data: bytes) -> Dict[str, Any]:
    """Reads the fields in their order, up to the first error; the kind short where the bytes end inside a field."""
    values: Dict[str, Any] = {}
    offset = 0
    for field, form in layout.items():
        end = offset + form.length
        if len(data) < end:
            raise FormError(field, "short", len(data))
        try:
            value = form.read(data[offset:end])
        except Bad as bad:
            raise FormError(field, bad.kind, offset + bad.offset) from None
        if value is not None:
            values[field] = value
        offset = end
    return values


def encode(layout: Layout, values: Mapping[str, Any]) -> bytes:
    """Writes the fields in their order, up to the first error."""
    data = b""
    for field, form in layout.items():
        try:
            data += form.write(values.get(field))
        except Bad as bad:
            raise FormError(field, bad.kind) from None
    return data


def length(layout: Layout) -> int:
    """The number of bytes."""
    return sum(form.length for form in layout.values())
