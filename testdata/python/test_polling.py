"""Status control of a manager: what it sends, and what each response does (telegram/SPEC.md, section 5.1)."""

from __future__ import annotations

import asyncio
import unittest
from typing import Callable, List

import telegram
from polling import Slave, StatusControl, Times
from telegram import SQ, SR, Control
from transport import Address, Drops

CHECK, START, END = Control.CHECK, Control.START, Control.END
RUNNING, STOPPED = Control.RUNNING, Control.STOPPED
ADDRESS = ("192.0.2.11", 10320)
OTHER_ADDRESS = ("192.0.2.12", 10320)
SHORT, NEVER, LIMIT = 0.001, 3600.0, 30.0  # seconds


class TestStatusControl(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.sent: List[int] = []
        self.told: List[str] = []
        self.slave = Slave("app01", ADDRESS)
        self.other = Slave("app02", OTHER_ADDRESS)
        self.drops = Drops()
        self.answers: Callable[[int], None] = lambda control: None
        self.wait(SHORT)

    def wait(self, wait: float) -> None:
        """Has it wait so long for a response. Its interval is so long that each monitor has one round, but for hints."""
        times = Times(interval=NEVER, wait=wait, retries=2)
        self.status = StatusControl({"app01": self.slave, "app02": self.other}, times, self.drops, self.send, self.changed)

    def send(self, data: bytes, to: Address) -> None:
        if to == OTHER_ADDRESS:
            return  # it is silent
        inquiry = telegram.decode(data, (SQ,))
        self.sent.append(inquiry.control)
        self.answers(inquiry.control)

    def changed(self, slave: Slave) -> None:
        if slave is self.slave:
            self.told.append(f"{'RUNNING' if slave.running else 'STOPPED'} {slave.application}")

    def respond(self, control: Control, application: str, sender: str = ADDRESS[0]) -> None:
        self.status.received(telegram.encode(SR("app01", control, application, "")), (sender, 1))

    def answer_with(self, control: Control, application: str) -> None:
        self.answers = lambda _: self.respond(control, application)

    def monitor(self) -> asyncio.Task:
        task = asyncio.get_running_loop().create_task(self.status.monitor(self.slave))
        self.addCleanup(task.cancel)
        return task

    async def round(self) -> None:
        """Lets it have one round with the slave."""
        before = len(self.sent)
        task = self.monitor()
        await self.until(lambda: len(self.sent) > before and not self.slave.outstanding)
        task.cancel()

    async def until(self, holds: Callable[[], bool]) -> None:
        async def wait() -> None:
            while not holds():
                await asyncio.sleep(0)

        await asyncio.wait_for(wait(), LIMIT)

    async def test_start_until_the_first_answer_and_check_after_it(self) -> None:
        self.answers = lambda _: self.respond(RUNNING, "ONLINE") if len(self.sent) == 2 else None
        await self.round()
        self.answer_with(RUNNING, "ONLINE")
        await self.round()
        self.assertEqual(self.sent, [START, START, CHECK])
        self.assertEqual(self.told, ["RUNNING ONLINE"])

    async def test_silence_is_stopped_after_the_retries_and_then_asked_once_in_each_round(self) -> None:
        self.answer_with(RUNNING, "ONLINE")
        await self.round()
        self.answers = lambda _: None
        await self.round()
        self.assertEqual(self.sent, [START, CHECK, CHECK, CHECK])
        self.assertEqual(self.told, ["RUNNING ONLINE", "STOPPED ONLINE"])
        await self.round()
        self.assertEqual(self.sent[4:], [START])

    async def test_stopped_ends_the_round_at_once_and_counts_unasked_too(self) -> None:
        self.wait(NEVER)
        self.answer_with(STOPPED, "BATCH")
        await self.round()
        self.respond(STOPPED, "ONLINE")
        self.assertEqual(self.sent, [START])
        self.assertEqual(self.told, ["STOPPED BATCH", "STOPPED ONLINE"])

    async def test_running_unasked_is_a_hint_of_a_stopped_slave_and_nothing_of_a_running_one(self) -> None:
        self.wait(NEVER)
        self.answer_with(STOPPED, "BATCH")
        self.monitor()
        await self.until(lambda: self.told == ["STOPPED BATCH"] and not self.slave.outstanding)
        self.answer_with(RUNNING, "ONLINE")
        self.respond(RUNNING, "HINT")
        self.assertEqual(self.told, ["STOPPED BATCH"], "the hint itself changes nothing")
        await self.until(lambda: len(self.told) == 2)
        self.respond(RUNNING, "HINT")
        self.assertEqual(self.sent, [START, START])
        self.assertEqual(self.told, ["STOPPED BATCH", "RUNNING ONLINE"])
        self.assertEqual(self.drops, {"unasked": 1})

    async def test_the_status_of_an_answer_does_not_count_after_an_xr_in_its_round(self) -> None:
        self.wait(NEVER)
        self.monitor()
        await self.until(lambda: self.sent == [START])
        self.status.follow(self.slave, "ONLINE")
        self.respond(RUNNING, "NOT-STARTED")
        self.assertEqual(self.told, ["STOPPED ONLINE", "RUNNING ONLINE"])

    async def test_running_is_no_answer_to_end(self) -> None:
        self.slave.running = True
        self.answer_with(RUNNING, "ONLINE")
        await self.status.end()
        self.assertEqual(self.sent, [END, END, END])
        self.assertEqual(self.told, ["STOPPED NOT-STARTED"], "it was given up")

    async def test_stopped_answers_end_and_a_stopped_slave_gets_end_once(self) -> None:
        self.slave.running = True
        self.answer_with(STOPPED, "ONLINE")
        await self.status.end()
        self.answers = lambda _: None
        await self.status.end()
        self.assertEqual(self.sent, [END, END])

    async def test_a_response_must_come_from_the_slaves_address(self) -> None:
        for sender in (OTHER_ADDRESS[0], "192.0.2.13"):
            self.respond(STOPPED, "ONLINE", sender)
        self.assertEqual(self.told, [])
        self.assertEqual(self.drops, {"unknown address": 2})


if __name__ == "__main__":
    unittest.main()
