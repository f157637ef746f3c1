"""The framing on TCP: telegrams follow one another, however they are cut into segments."""

from __future__ import annotations

import asyncio
import unittest
from typing import Any, Sequence
from unittest import mock

import telegram
from fields import FormError
from telegram import SQ, SR, XQ, XR, Control
from transport import Connection, CutOff

TELEGRAMS = [
    SQ("app01", Control.START),
    XQ("app01", Control.LAUNCH, "ONLINE"),
    SR("app01", Control.RUNNING, "NOT-STARTED", ""),
    XR("app01", Control.LAUNCHED, "ONLINE", "ONLINE", "ended normally"),
    XQ("app01", Control.TAKEN, "ONLINE"),
]
DATA = b"".join(map(telegram.encode, TELEGRAMS))


class Segments(asyncio.StreamReader):
    """What comes in segments, each read by itself, and then the end."""

    def __init__(self, segments: Sequence[bytes]) -> None:
        self.segments = list(segments)

    async def read(self, n: int = -1) -> bytes:
        if not self.segments:
            return b""
        segment = self.segments.pop(0)
        if segment[n:]:
            self.segments.insert(0, segment[n:])
        return segment[:n]


def connection(*segments: bytes) -> Connection:
    """A connection on which these segments come."""
    writer: Any = mock.Mock(drain=mock.AsyncMock())
    writer.get_extra_info.return_value = ("192.0.2.11", 10320)
    return Connection(Segments(segments), writer)


class TestFraming(unittest.IsolatedAsyncioTestCase):
    async def test_telegrams_come_whole_from_segments_of_every_size(self) -> None:
        for size in range(1, max(map(len, map(telegram.encode, TELEGRAMS))) + 2):
            with self.subTest(size):
                segments = [DATA[at : at + size] for at in range(0, len(DATA), size)]
                on = connection(*segments)
                self.assertEqual([await on.receive(telegram.ALL, None) for _ in TELEGRAMS], TELEGRAMS)

    async def test_an_end_inside_a_telegram_is_told_from_one_between_two(self) -> None:
        for data in map(telegram.encode, TELEGRAMS):
            for end in range(1, len(data)):
                with self.assertRaises(CutOff):
                    await connection(data[:end]).receive(telegram.ALL, None)
        with self.assertRaises(ConnectionError) as caught:
            await connection().receive(telegram.ALL, None)
        self.assertNotIsInstance(caught.exception, CutOff)

    async def test_a_type_that_is_not_taken_is_an_error_before_the_rest_has_come(self) -> None:
        response = telegram.encode(TELEGRAMS[3])[: telegram.HEADER]
        for header, kind in ((response, "wrong-type"), (b"GET /".ljust(telegram.HEADER), "unknown-type")):
            with self.assertRaises(FormError) as caught:
                await connection(header).receive((SQ, XQ), None)
            self.assertEqual(caught.exception.kind, kind)


if __name__ == "__main__":
    unittest.main()
