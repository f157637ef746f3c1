"""The results of a slave and their receipts (telegram/SPEC.md, sections 6.3 and 6.4)."""

from __future__ import annotations

import asyncio
import json
import tempfile
import unittest
from pathlib import Path
from typing import List
from unittest import mock

import telegram
from delivery import Delivery, Result, receipt
from memory import Memory
from telegram import SQ, XQ, XR, Control, Telegram
from test_transport import connection
from transport import BROKEN, CutOff, Drops

FIRST = XR("app01", Control.LAUNCHED, "FIRST", "ONLINE", "ended normally")
SECOND = XR("app01", Control.FAILED, "SECOND", "ONLINE", "exit status 3")
HERE = "127.0.0.1"
LIMIT = 30.0  # seconds


def taken(response: XR) -> bytes:
    return telegram.encode(receipt(telegram.encode(response)))


class TestDelivery(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        never = mock.patch("delivery.FIRST_PAUSE", 3600.0)
        never.start()
        self.addCleanup(never.stop)
        self.written: List[bytes] = []
        self.asked: List[SQ] = []
        self.directory = Path(directory.name)
        self.delivery = Delivery(Memory(self.directory, "app01"), (HERE, 0), HERE, Drops())

    def kept(self) -> List[Telegram]:
        """The results on disk."""
        kept = json.loads((self.directory / "slave.json").read_text("utf-8"))["results"]
        return [telegram.decode(bytes.fromhex(result)) for result in kept]

    async def answer(self, result: Result, *replies: bytes) -> object:
        """Sends a result on the connection of its order; gives what came in place of the receipt."""
        on = connection(*replies)

        async def asked(inquiry: SQ) -> None:
            self.asked.append(inquiry)

        with mock.patch.object(on.writer, "write", self.written.append):
            try:
                return await self.delivery.answer(on, result, asked)
            except BROKEN as error:
                return type(error)

    async def test_nothing_but_its_taken_is_a_receipt(self) -> None:
        other_host = telegram.encode(XQ("app02", Control.TAKEN, "FIRST"))
        next_order = XQ("app01", Control.LAUNCH, "FIRST")
        for replies, outcome in (
            ([], ConnectionError),
            ([taken(FIRST)[:83]], CutOff),
            ([taken(SECOND)], ConnectionError),
            ([other_host], ConnectionError),
            ([telegram.encode(next_order), taken(FIRST)], next_order),
        ):
            result = self.delivery.add(FIRST, claimed=True)
            self.assertEqual(await self.answer(result, *replies), outcome)
            self.assertFalse(result.claimed)
            self.assertEqual(self.kept(), [FIRST])
            self.assertIsNone(await self.answer(result, taken(FIRST)))
            self.assertEqual(self.kept(), [])

    async def test_an_inquiry_may_come_before_the_receipt(self) -> None:
        inquiry = SQ("app01", Control.START)
        result = self.delivery.add(FIRST, claimed=True)
        self.assertIsNone(await self.answer(result, telegram.encode(inquiry), taken(SECOND), taken(FIRST)))
        self.assertEqual(self.asked, [inquiry])
        self.assertEqual(self.kept(), [])

    async def test_an_answer_waits_for_results_that_are_to_be_delivered(self) -> None:
        claimed = self.delivery.add(SECOND, claimed=True)
        self.assertIsNone(await self.answer(self.delivery.add(FIRST, claimed=True), taken(FIRST)))
        self.assertEqual(self.written, [telegram.encode(FIRST)], "a receipt on another connection is not waited for")
        claimed.claimed = False
        later = asyncio.get_running_loop().create_task(self.answer(self.delivery.add(FIRST, claimed=True), taken(FIRST)))
        await asyncio.sleep(0)  # it has begun
        self.assertIsNone(await self.answer(claimed, taken(SECOND)))
        self.assertIsNone(await asyncio.wait_for(later, LIMIT))
        self.assertEqual(self.written[1:], [telegram.encode(SECOND), telegram.encode(FIRST)])

    async def test_an_answer_does_not_wait_for_ever(self) -> None:
        self.delivery.add(SECOND, claimed=False)
        with mock.patch("delivery.HELD", 0.0):
            self.assertIsNone(await self.answer(self.delivery.add(FIRST, claimed=True), taken(FIRST)))
        self.assertEqual(self.kept(), [SECOND])

    async def test_results_are_delivered_in_their_order_until_each_is_taken(self) -> None:
        came: List[List[bytes]] = []

        async def manager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            # The first connection gives no receipt, the second one, the third all.
            came.append([])
            for response in (FIRST, SECOND)[max(0, len(came) - 2) :]:
                came[-1].append(await reader.readexactly(len(telegram.encode(response))))
                if len(came) == 1 or (len(came) == 2 and response == SECOND):
                    break
                writer.write(taken(response))
            writer.close()

        server = await asyncio.start_server(manager, HERE, 0)
        self.delivery.manager = server.sockets[0].getsockname()
        self.delivery.add(FIRST, claimed=False)
        self.delivery.add(SECOND, claimed=False)
        running = asyncio.get_running_loop().create_task(self.delivery.run())
        await asyncio.wait_for(self.start_until_empty(), LIMIT)
        running.cancel()
        server.close()
        first, second = telegram.encode(FIRST), telegram.encode(SECOND)
        self.assertEqual(came, [[first], [first, second], [second]])
        self.assertEqual(self.kept(), [])

    async def start_until_empty(self) -> None:
        """Gives it STARTs, which alone end its pauses, until all is delivered."""
        while self.delivery.queue:
            self.delivery.started.set()
            await asyncio.sleep(0)


if __name__ == "__main__":
    unittest.main()
