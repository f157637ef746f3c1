"""Status control of a manager (110): the rounds, and what each response means (telegram/SPEC.md, section 5.1)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional

import telegram
from fields import FormError
from sealing import ManagerSealing, split
from telegram import HOST, SQ, SR, Control
from transport import Address, Drops


@dataclass
class Slave:
    """What the manager knows of a slave."""

    host: str
    address: Address
    running: bool = False
    application: str = "NOT-STARTED"
    judged: asyncio.Event = field(default_factory=asyncio.Event)
    hint: asyncio.Event = field(default_factory=asyncio.Event)  # it has said that it runs
    asked: Control = Control.START
    answer: Optional[asyncio.Future] = None  # of the round in progress
    newer: bool = False  # an XR with a status has come since the round began

    @property
    def outstanding(self) -> bool:
        return self.answer is not None and not self.answer.done()


@dataclass(frozen=True)
class Times:
    """The control data: interval and response wait in seconds, and the number of retries."""

    interval: float
    wait: float
    retries: int


class StatusControl:
    """Asks the slaves. It calls changed for each change of a slave's status."""

    def __init__(
        self,
        slaves: Dict[str, Slave],
        times: Times,
        drops: Drops,
        send: Callable[[bytes, Address], None],
        changed: Callable[[Slave], None],
        sealing: Optional[ManagerSealing] = None,
    ) -> None:
        self.slaves, self.times, self.drops, self.send, self.changed = slaves, times, drops, send, changed
        self.sealing = sealing
        self._ending = False

    async def monitor(self, slave: Slave) -> None:
        """Asks a slave once in each interval, and at once after a hint, until monitoring ends."""
        loop = asyncio.get_running_loop()
        while not self._ending:  # wait_for may lose a cancellation before Python 3.12
            due = loop.time() + self.times.interval
            slave.hint.clear()
            await self._round(slave, Control.CHECK if slave.running else Control.START)
            try:
                await asyncio.wait_for(slave.hint.wait(), max(0.0, due - loop.time()))
            except asyncio.TimeoutError:
                pass

    async def end(self) -> None:
        """Tells every slave that monitoring ends, and waits until each has answered or was given up (25)."""
        self._ending = True
        await asyncio.gather(*(self._round(slave, Control.END) for slave in self.slaves.values()))

    async def _round(self, slave: Slave, control: Control) -> None:
        # A slave found STOPPED gets no retries; one that was never judged gets them, but not with END.
        once = not slave.running and (slave.judged.is_set() or control == Control.END)
        slave.asked, slave.newer = control, False
        slave.answer = asyncio.get_running_loop().create_future()
        if self.sealing:
            self.sealing.begin(slave.host)
        for _ in range(1 if once else 1 + self.times.retries):
            inquiry = telegram.encode(SQ(slave.host, control))
            self.send(self.sealing.seal(inquiry, slave.host) if self.sealing else inquiry, slave.address)
            await asyncio.wait([slave.answer], timeout=self.times.wait)
            if slave.answer.done():
                return
        slave.answer = None
        self._judge(slave, False, slave.application)

    def received(self, data: bytes, sender: Address) -> None:
        """Takes a response (20, 21, 23)."""
        known = [slave for slave in self.slaves.values() if slave.address[0] == sender[0]]
        if not known:
            self.drops.count("unknown address")
            return
        try:
            if self.sealing:
                self._received_sealed(self.sealing, data, known)
                return
            response = telegram.decode(data, (SR,))
        except FormError as error:
            self.drops.count_error(error)
            return
        slave = self._one_of(known, response.host)
        if slave:
            self._take(slave, response)

    def _one_of(self, known: List[Slave], host: str) -> Optional[Slave]:
        slave = self.slaves.get(host)
        if slave in known:
            return slave
        self.drops.count("unknown address" if slave else "another host")
        return None

    def _received_sealed(self, sealing: ManagerSealing, data: bytes, known: List[Slave]) -> None:
        """Takes an answer or a hint (12.4)."""
        plain, trailer = split(data)
        host = plain[:HOST].decode("latin-1").rstrip(" ")  # nothing but a key to look up, until the MAC is right
        slave = self._one_of(known, host)
        if not slave:
            return
        sealing.open(data, trailer, host)
        response = telegram.decode(plain, (SR,))
        if slave.outstanding and sealing.answers(host, trailer):
            self._take(slave, response)
        elif not sealing.hints(host, trailer):
            self.drops.count("replayed")
        elif not slave.outstanding:
            slave.hint.set()

    def _take(self, slave: Slave, response: SR) -> None:
        running = response.control == Control.RUNNING
        if running and not slave.outstanding:
            if slave.running:
                self.drops.count("unasked")
            else:
                slave.hint.set()
            return
        if running and slave.asked == Control.END:
            return
        older = slave.outstanding and slave.newer
        self._judge(slave, running, slave.application if older else response.application)
        if slave.answer is not None and not slave.answer.done():
            slave.answer.set_result(None)

    def follow(self, slave: Slave, application: str) -> None:
        """The status of an XR, which is newer than that of an answer to come in this round (59)."""
        slave.newer = True
        if application != slave.application:
            slave.application = application
            self.changed(slave)

    def _judge(self, slave: Slave, running: bool, application: str) -> None:
        first = not slave.judged.is_set()
        slave.judged.set()
        if first or (slave.running, slave.application) != (running, application):
            slave.running, slave.application = running, application
            self.changed(slave)
