"""Execution control of a manager: results that come by themselves (telegram/SPEC.md, sections 6.5 and 6.6)."""

from __future__ import annotations

import asyncio
import tempfile
import unittest
from pathlib import Path
from typing import Any, List
from unittest import mock

import telegram
from definition import parse
from orders import ExecutionControl
from polling import Slave
from records import HistoryRecord, read_history
from telegram import XQ, XR, Control
from test_transport import connection
from transport import CONNECTING, Drops

LAUNCHED = XR("app01", Control.LAUNCHED, "ONLINE", "ONLINE", "ended normally")
TAKEN = telegram.encode(XQ("app01", Control.TAKEN, "ONLINE"))
HERE = "127.0.0.1"


class TestResults(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        quiet = mock.patch("orders.say")
        quiet.start()
        self.addCleanup(quiet.stop)
        self.followed: List[str] = []
        self.start()

    def start(self) -> None:
        """Starts the execution control, anew on the same directory when it is called again."""
        self.slave = Slave("app01", (HERE, 0), running=True)
        self.slave.judged.set()
        processes = {"ONLINE": parse("ONLINE=:/bin/true")}
        self.control = ExecutionControl(
            {"app01": self.slave}, processes, 0, HERE, self.directory, Drops(), lambda _, status: self.followed.append(status)
        )

    def history(self) -> List[HistoryRecord]:
        return read_history((self.directory / "history.dat").read_bytes())

    async def deliver(self, *responses: XR) -> List[bytes]:
        """Delivers results on a connection, which ends then; gives the receipts."""
        on = connection(*map(telegram.encode, responses))
        on.peer = HERE
        with self.assertRaises(OSError):
            await self.control.connected(on)
        writer: Any = on.writer  # a mock
        return [call.args[0] for call in writer.write.call_args_list]

    async def order_without_response(self) -> None:
        def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        server = await asyncio.start_server(accept, HERE, 0)
        self.slave.address = server.sockets[0].getsockname()
        await asyncio.wait_for(self.control.order("ONLINE", self.slave), CONNECTING)
        server.close()
        self.assertEqual(self.history()[-1].outcome, "UNKNOWN")

    async def test_a_result_is_written_and_its_status_followed_before_the_receipt(self) -> None:
        self.assertEqual(await self.deliver(LAUNCHED), [TAKEN])
        (record,) = self.history()
        self.assertEqual((record.host, record.process, record.outcome), ("app01", "ONLINE", "LAUNCHED"))
        self.assertEqual((record.trigger, record.application, record.text), ("OPERATOR", "ONLINE", "ended normally"))
        self.assertEqual(self.followed, ["ONLINE"])

    async def test_a_result_that_comes_twice_is_taken_twice_and_written_once(self) -> None:
        self.assertEqual(await self.deliver(LAUNCHED, LAUNCHED), [TAKEN, TAKEN])
        self.start()
        self.assertEqual(await self.deliver(LAUNCHED), [TAKEN])
        self.assertEqual(len(self.history()), 1)

    async def test_the_same_bytes_after_an_order_are_a_new_result(self) -> None:
        await self.deliver(LAUNCHED)
        await self.order_without_response()
        await self.deliver(LAUNCHED)
        self.start()
        await self.deliver(LAUNCHED)
        self.assertEqual([record.outcome for record in self.history()], ["LAUNCHED", "UNKNOWN", "LAUNCHED"])

    async def test_a_result_that_cannot_be_written_has_no_receipt(self) -> None:
        with mock.patch("os.fdatasync", side_effect=OSError):
            self.assertEqual(await self.deliver(LAUNCHED), [])
        self.assertEqual(self.history(), [])
        self.assertEqual(self.followed, [])

    async def test_the_mark_of_a_run_that_nobody_ordered_is_its_trigger(self) -> None:
        for word in ("OPERATOR", "TIME", "MESSAGE"):
            text = f"ended normally ({word} 10:43:05.123)"
            await self.deliver(XR("app01", Control.LAUNCHED, "ONLINE", "ONLINE", text))
        self.assertEqual([record.trigger for record in self.history()], ["OPERATOR", "TIME", "MESSAGE"])


if __name__ == "__main__":
    unittest.main()
