"""A manager and a slave that seal, with all that can be done to their datagrams (telegram/SPEC.md, section 12)."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import unittest
from pathlib import Path
from typing import Callable, List, Tuple
from unittest import mock

import polling
import sealing
import slave as slaves
import telegram
from polling import StatusControl, Times
from sealing import Direction, ManagerSealing, Pair, SlaveSealing, Trailer
from status import Phase
from telegram import SQ, SR, Control
from transport import Address, Drops

TO_SLAVE, TO_MANAGER = Direction.TO_SLAVE, Direction.TO_MANAGER
CHECK, START, END = Control.CHECK, Control.START, Control.END
RUNNING, STOPPED = Control.RUNNING, Control.STOPPED
MANAGER, SLAVE, OTHER = ("192.0.2.10", 10320), ("192.0.2.11", 10320), ("192.0.2.12", 10320)
MASTER, NEW_MASTER = bytes(range(32)), bytes(range(32, 64))
KEYS = Pair.derived(MASTER, "mgr01", "app01")
SHORT, NEVER, LIMIT = 0.001, 3600.0, 30.0  # seconds


class TestSealedStatusControl(unittest.IsolatedAsyncioTestCase):
    """The manager's status control and a slave, with a network between them that loses what a test wants lost."""

    async def asyncSetUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        silence = mock.patch("slave.say")
        silence.start()
        self.addCleanup(silence.stop)
        self.asked: List[int] = []
        self.to_slave: List[bytes] = []
        self.to_manager: List[bytes] = []
        self.told: List[str] = []
        self.lost: Callable[[Address], bool] = lambda to: False
        self.drops = Drops()
        self.app01 = polling.Slave("app01", SLAVE)
        self.masters = {1: MASTER}
        self.sealing = ManagerSealing(self.masters, "mgr01", self.directory)
        self.wait(SHORT)
        self.slave = self.make_slave()
        self.slave.status.begin()

    def wait(self, wait: float) -> None:
        """Has the manager wait so long for a response."""
        times = Times(interval=NEVER, wait=wait, retries=2)
        known = {"app01": self.app01, "app02": polling.Slave("app02", OTHER)}
        self.status = StatusControl(known, times, self.drops, self.send, self.changed, self.sealing)

    def make_slave(self) -> slaves.Slave:
        keys = self.directory / "keys"
        new = Pair.derived(NEW_MASTER, "mgr01", "app01")
        keys.write_text("".join(f"{i} {k.to_slave.hex()} {k.to_manager.hex()}\n" for i, k in ((1, KEYS), (2, new))))
        options = argparse.Namespace(
            host="app01", listen=SLAVE, manager=MANAGER, dir=self.directory / "app01", process=[], stay=[], timeout=0, keys=keys
        )
        slave = slaves.Slave(options)
        slave.datagrams = mock.Mock(sendto=self.respond)
        return slave

    def send(self, data: bytes, to: Address) -> None:
        if to == OTHER:
            return
        self.to_slave.append(data)
        self.asked.append(telegram.decode(data[: telegram.HEADER]).control)
        if not self.lost(to):
            self.slave.received(data, MANAGER)

    def respond(self, data: bytes, to: Address) -> None:
        self.to_manager.append(data)
        if not self.lost(to):
            self.status.received(data, SLAVE)

    def changed(self, slave: polling.Slave) -> None:
        if slave is self.app01:
            self.told.append(f"{'RUNNING' if slave.running else 'STOPPED'} {slave.application}")

    def monitor(self) -> asyncio.Task:
        task = asyncio.get_running_loop().create_task(self.status.monitor(self.app01))
        self.addCleanup(task.cancel)
        return task

    async def round(self) -> None:
        """Lets the manager have one round with the slave."""
        before = len(self.asked)
        task = self.monitor()
        await self.until(lambda: len(self.asked) > before and not self.app01.outstanding)
        task.cancel()
        await asyncio.wait([task])  # else a hint may come first, and the task go on

    async def until(self, holds: Callable[[], bool]) -> None:
        async def wait() -> None:
            while not holds():
                await asyncio.sleep(0)

        await asyncio.wait_for(wait(), LIMIT)

    def state(self) -> Tuple[object, ...]:
        """All that a datagram could change."""
        keeps = [self.directory / "seal.json", *sorted((self.directory / "app01").glob("*.*"))]
        return (
            self.app01.running, self.app01.application, self.app01.hint.is_set(), len(self.told), len(self.asked),
            self.slave.status.phase, self.slave.memory.status, len(self.to_manager), [path.read_bytes() for path in keeps],
        )

    async def test_the_slave_waits_for_the_disk_at_start_and_end_also_where_start_changes_nothing(self) -> None:
        for sequence, (control, waits) in enumerate([(START, True), (CHECK, False), (START, True), (END, True), (END, True)], 1):
            with mock.patch.object(self.slave.sealing, "take", return_value=False) as take:
                trailer = Trailer(TO_SLAVE, 1, 7, sequence, 1)
                self.slave.received(sealing.seal(telegram.encode(SQ("app01", control)), trailer, KEYS.to_slave), MANAGER)
            self.assertEqual(take.call_args.args[1], waits, control)

    async def day(self) -> None:
        """Monitoring from its beginning to its end, and again."""
        await self.round()
        await self.round()
        self.slave.memory.status = "ONLINE"
        self.lost = lambda to: to == MANAGER and len(self.asked) % 2 == 1
        await self.round()
        self.lost = lambda to: False
        self.slave.status.end(Phase.ENDED_BY_OPERATOR)
        await self.round()
        self.slave.status.begin()
        await self.round()
        await self.status.end()
        self.wait(SHORT)
        await self.round()

    async def test_rounds_are_as_in_plain_mode(self) -> None:
        await self.day()
        self.assertEqual(self.told, ["RUNNING NOT-STARTED", "RUNNING ONLINE", *["STOPPED ONLINE", "RUNNING ONLINE"] * 2])
        self.assertEqual(self.asked, [START, CHECK, CHECK, CHECK, CHECK, START, END, START])
        self.assertEqual(self.slave.drops, {})
        self.assertEqual(self.drops, {"unknown key": 1}, "the hint before the first inquiry")

    async def test_a_recorded_day_that_is_played_again_changes_nothing(self) -> None:
        await self.day()
        self.drops.clear()
        before = self.state()
        for data in [*self.to_slave, *reversed(self.to_slave)]:
            self.slave.received(data, MANAGER)
        for data in [*self.to_manager, *reversed(self.to_manager)]:
            self.status.received(data, SLAVE)
        self.assertEqual(self.state(), before)
        self.assertEqual(self.slave.drops, {"replayed": 2 * len(self.to_slave)})
        self.assertEqual(self.drops, {"replayed": 2 * len(self.to_manager)})

    async def test_what_was_sent_does_nothing_where_it_comes_back_to(self) -> None:
        await self.day()
        before, sent = self.state(), (len(self.to_slave), len(self.to_manager))
        self.drops.clear()
        for data in self.to_slave:
            self.status.received(data, SLAVE)
        for data in list(self.to_manager):
            self.slave.received(data, MANAGER)
        self.assertEqual(self.state(), before)
        self.assertEqual((self.drops, self.slave.drops), ({"wrong MAC": sent[0]}, {"wrong MAC": sent[1]}))

    async def test_no_changed_bit_changes_anything(self) -> None:
        await self.round()
        await self.status.end()
        before = self.state()
        for data, receive, sender in (
            (self.to_slave[-1], self.slave.received, MANAGER), (self.to_manager[-1], self.status.received, SLAVE)
        ):
            for bit in range(8 * len(data)):
                changed = bytearray(data)
                changed[bit // 8] ^= 1 << bit % 8
                receive(bytes(changed), sender)
        self.assertEqual(self.state(), before)
        self.assertNotIn("replayed", {**self.drops, **self.slave.drops})

    async def test_a_plain_telegram_is_dropped(self) -> None:
        await self.round()
        before = self.state()
        self.drops.clear()
        self.slave.received(telegram.encode(SQ("app01", END)), MANAGER)
        self.status.received(telegram.encode(SR("app01", STOPPED, "ONLINE", "")), SLAVE)
        self.assertEqual(self.state(), before)
        self.assertEqual((self.drops, self.slave.drops), ({"trailer": 1}, {"trailer": 1}))

    async def test_a_sealed_telegram_is_of_the_wrong_length_in_plain_mode(self) -> None:
        await self.round()
        before = self.state()
        self.drops.clear()
        self.slave.sealing, self.status.sealing = None, None
        self.slave.received(self.to_slave[-1], MANAGER)
        self.status.received(self.to_manager[-1], SLAVE)
        self.assertEqual(self.state(), before)
        self.assertEqual((self.drops, self.slave.drops), ({"length": 1}, {"length": 1}))

    async def test_the_address_counts_before_the_mac(self) -> None:
        await self.round()
        self.drops.clear()
        self.slave.received(self.to_slave[-1][:-1], OTHER)
        self.status.received(self.to_manager[-1][:-1], ("192.0.2.13", 1))
        self.status.received(self.to_manager[-1], OTHER)
        self.assertEqual((self.drops, self.slave.drops), ({"unknown address": 2}, {"unknown address": 1}))

    async def test_the_keys_of_another_slave_do_not_speak_for_this_one(self) -> None:
        self.wait(NEVER)
        self.lost = lambda to: True
        self.monitor()
        await self.until(lambda: self.asked == [START])
        asked = sealing.split(self.to_slave[-1])[1]
        stolen = Pair.derived(MASTER, "mgr01", "app02")
        answer = telegram.encode(SR("app01", RUNNING, "", ""))
        trailer = Trailer(TO_MANAGER, 1, asked.session, asked.sequence, 1)
        self.status.received(sealing.seal(answer, trailer, stolen.to_manager), SLAVE)
        self.assertEqual((self.told, self.drops["wrong MAC"]), ([], 1))
        self.status.received(sealing.seal(answer, trailer, KEYS.to_manager), SLAVE)
        self.assertEqual(self.told, ["RUNNING "])

    async def test_each_attempt_of_the_round_can_be_answered_once(self) -> None:
        self.lost = lambda to: to == MANAGER
        await self.round()
        early = self.to_manager[-3:]
        self.assertEqual((self.asked, self.told), ([START] * 3, ["STOPPED NOT-STARTED"]))
        self.status.received(early[0], SLAVE)
        self.assertEqual(self.told, ["STOPPED NOT-STARTED"], "an answer to a round that is over")
        self.wait(NEVER)
        self.app01.judged.clear()
        self.monitor()
        await self.until(lambda: len(self.asked) == 4)
        for late, replayed, told in ((early[2], 2, 1), (self.to_manager[-1], 2, 2), (self.to_manager[-1], 3, 2)):
            self.status.received(late, SLAVE)
            self.assertEqual((self.drops["replayed"], len(self.told)), (replayed, told))
        self.assertEqual(self.told, ["STOPPED NOT-STARTED", "RUNNING NOT-STARTED"])

    async def test_running_to_an_end_counts_once_though_the_round_goes_on(self) -> None:
        await self.round()
        self.wait(NEVER)
        self.lost = lambda to: True
        ending = asyncio.get_running_loop().create_task(self.status.end())
        await self.until(lambda: self.asked[-1] == END)
        asked = sealing.split(self.to_slave[-1])[1]
        trailer = Trailer(TO_MANAGER, 1, asked.session, asked.sequence, 1)
        running = sealing.seal(telegram.encode(SR("app01", RUNNING, "", "")), trailer, KEYS.to_manager)
        for replayed in (0, 1):
            self.status.received(running, SLAVE)
            self.assertEqual((self.drops["replayed"], self.app01.outstanding), (replayed, True))
        ending.cancel()

    async def test_a_late_answer_to_an_attempt_before_counts_in_its_round(self) -> None:
        self.lost = lambda to: to == MANAGER
        task = self.monitor()
        await self.until(lambda: len(self.asked) == 2)
        self.status.received(self.to_manager[-2], SLAVE)
        self.assertEqual(self.told, ["RUNNING NOT-STARTED"])
        task.cancel()

    async def test_a_hint_is_not_believed_but_asked_about_at_once(self) -> None:
        self.wait(NEVER)
        self.monitor()
        await self.until(lambda: self.told == ["RUNNING NOT-STARTED"] and not self.app01.outstanding)
        self.lost = lambda to: to == SLAVE
        self.slave.status.end(Phase.SHUT_DOWN)
        self.assertEqual(self.told, ["RUNNING NOT-STARTED"])
        await self.until(lambda: len(self.asked) == 2)
        self.lost = lambda to: False
        self.slave.received(self.to_slave[-1], MANAGER)
        self.assertEqual(self.told, ["RUNNING NOT-STARTED", "STOPPED NOT-STARTED"])
        self.assertTrue(self.slave.last_answered.is_set())

    async def test_a_hint_counts_once_and_not_after_a_later_start(self) -> None:
        await self.round()
        self.lost = lambda to: to == MANAGER
        self.slave.status.end(Phase.ENDED_BY_OPERATOR)
        self.slave.status.begin()
        first, second = self.to_manager[-2:]
        self.drops.clear()
        for data, hint in ((second, True), (second, False), (first, False)):
            self.app01.hint.clear()
            self.status.received(data, SLAVE)
            self.assertEqual(self.app01.hint.is_set(), hint)
        self.assertEqual(self.drops, {"replayed": 2})
        self.lost = lambda to: False
        self.slave.sealing = SlaveSealing(self.slave.sealing.keys, self.directory / "app01")
        await self.round()
        old = sealing.seal(second[:-sealing.TRAILER], Trailer(TO_MANAGER, 1, 0, 99, 1), KEYS.to_manager)
        self.app01.hint.clear()
        self.status.received(old, SLAVE)
        self.assertFalse(self.app01.hint.is_set(), "it is of a start that is over")

    async def test_another_master_key_is_taken_up_by_the_next_round(self) -> None:
        await self.round()
        self.lost = lambda to: to == MANAGER
        task = self.monitor()
        await self.until(lambda: len(self.asked) == 2)
        self.masters[2] = NEW_MASTER
        self.status.received(self.to_manager[-1], SLAVE)
        self.lost = lambda to: False
        task.cancel()
        await self.round()
        self.assertEqual([sealing.split(data)[1].key_id for data in self.to_slave], [1, 1, 2])
        self.assertEqual(self.told, ["RUNNING NOT-STARTED"])
        self.assertEqual(self.slave.drops, {})
        self.assertEqual(sealing.split(self.to_manager[-1])[1].key_id, 2)

    async def test_a_manager_that_begins_again_has_another_session_and_a_greater_term(self) -> None:
        await self.round()
        before = sealing.split(self.to_slave[-1])[1]
        self.sealing = ManagerSealing(self.masters, "mgr01", self.directory)
        self.wait(SHORT)
        await self.round()
        after = sealing.split(self.to_slave[-1])[1]
        self.assertEqual(after.epoch, before.epoch + 1)
        self.assertNotEqual(after.session, before.session)
        self.assertEqual(self.asked, [START, CHECK])
        self.assertTrue(self.app01.running)

    async def test_a_slave_that_shuts_down_stays_until_it_is_asked(self) -> None:
        await self.round()
        self.slave.status.end(Phase.SHUT_DOWN)
        stays = asyncio.get_running_loop().create_task(self.slave.stay())
        await asyncio.sleep(0)
        self.assertFalse(stays.done())
        await self.round()
        await asyncio.wait_for(stays, LIMIT)
        self.assertEqual(self.told[-1], "STOPPED NOT-STARTED")

    async def test_but_no_longer_than_its_limit(self) -> None:
        self.lost = lambda to: True
        self.slave.status.end(Phase.SHUT_DOWN)
        with mock.patch("slave.STAY", SHORT):
            await asyncio.wait_for(self.slave.stay(), LIMIT)
        self.assertFalse(self.slave.last_answered.is_set())


if __name__ == "__main__":
    unittest.main()
