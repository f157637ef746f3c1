"""A slave as a program: status control and execution control of one server, beside any manager that follows telegram/SPEC.md.

It ends with SIGTERM. SIGHUP is the operator's end of monitoring, SIGUSR2 the operator's start, and SIGUSR1 prints what was
dropped, by reason. Standard output has one JSON line for each of these, and for an inquiry that is unlike the one before.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from functools import partial
from pathlib import Path
from typing import Optional

import definition
import telegram
from delivery import Delivery
from execution import ExecutionControl
from fields import FormError
from memory import Memory
from sealing import SlaveSealing, read_keys
from status import Phase, StatusControl
from telegram import SQ, SR, XQ, Control
from transport import IDLE, Address, Connection, Drops, address, listen, open_datagrams, say

STAY = 1.0  # seconds that a slave stays at most after its STOPPED in sealed mode


class Slave:
    """One server (200): its two controls behind its port."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.host: str = options.host
        self.listen: Address = options.listen
        self.manager: Address = options.manager
        self.drops = Drops()
        self.asked = 0  # the control of the last inquiry
        directory: Path = options.dir.resolve()
        directory.mkdir(0o750, parents=True, exist_ok=True)
        self.memory = Memory(directory, self.host)
        self.sealing = SlaveSealing(read_keys(options.keys), directory) if options.keys else None
        self.last_answered = asyncio.Event()  # an inquiry after the shutdown began
        self.status = StatusControl(self.host, self.memory, self.drops, self.send_unasked)
        self.delivery = Delivery(self.memory, self.manager, self.listen[0], self.drops)
        processes = {process.id: process for process in options.process + options.stay}
        self.execution = ExecutionControl(
            self.host, processes, options.timeout, directory, self.memory, self.delivery
        )

    async def run(self) -> None:
        """Runs until SIGTERM."""
        self.datagrams = await open_datagrams(self.listen, self.received)
        await listen(self.listen, [self.manager[0]], self.drops, self.connected)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number, action in {
            signal.SIGTERM: ended.set,
            signal.SIGINT: ended.set,
            signal.SIGHUP: lambda: self.status.end(Phase.ENDED_BY_OPERATOR),
            signal.SIGUSR1: self.say_dropped,
            signal.SIGUSR2: self.status.begin,
        }.items():
            loop.add_signal_handler(number, action)
        self.execution.resume()
        delivering = loop.create_task(self.delivery.run())
        self.status.begin()
        say(ready=self.host)
        await ended.wait()
        delivering.cancel()
        self.status.end(Phase.SHUT_DOWN)
        if self.sealing:
            await self.stay()
        self.say_dropped()

    async def stay(self) -> None:
        """Stays until the manager, which believes answers only, has asked, but no longer than STAY."""
        try:
            await asyncio.wait_for(self.last_answered.wait(), STAY)
        except asyncio.TimeoutError:
            pass

    def received(self, data: bytes, sender: Address) -> None:
        """Answers an inquiry to where it came from (33)."""
        if sender[0] != self.manager[0]:
            self.drops.count("unknown address")
            return
        try:
            if self.sealing:
                answer = self.answer_sealed(self.sealing, data)
            else:
                answer = self.answered(telegram.decode(data, (SQ,)))
        except FormError as error:
            self.drops.count_error(error)
            return
        if answer:
            self.datagrams.sendto(answer, sender)

    def answered(self, inquiry: SQ) -> Optional[bytes]:
        answer = self.answer(inquiry)
        return telegram.encode(answer) if answer else None

    def answer_sealed(self, sealing: SlaveSealing, data: bytes) -> Optional[bytes]:
        """The sealed answer to a sealed inquiry (12.5)."""
        plain, trailer = sealing.open(data)
        inquiry = telegram.decode(plain, (SQ,))
        if inquiry.host == self.host and not sealing.take(trailer, inquiry.control != Control.CHECK):
            self.drops.count("replayed")
            return None
        answer = self.answered(inquiry)
        if not answer:
            return None
        if self.status.phase is Phase.SHUT_DOWN:
            self.last_answered.set()
        return sealing.answer(answer, trailer)

    async def connected(self, connection: Connection) -> None:
        """Takes inquiries, orders and receipts from a connection until it ends."""
        async def asked(inquiry: SQ) -> None:
            answer = self.answer(inquiry)
            if answer:
                await connection.send(telegram.encode(answer))

        following: Optional[XQ] = None
        while True:
            received = following or await connection.receive((SQ, XQ), IDLE)
            following = None
            if isinstance(received, SQ):
                await asked(received)
            elif received.host != self.host:
                self.drops.count("another host")
                return
            elif received.control == Control.LAUNCH:
                if self.delivery.full():
                    return
                result = await self.execution.order(received.process, self.status.phase is Phase.MONITORING)
                following = await self.delivery.answer(connection, result, asked)

    def answer(self, inquiry: SQ) -> Optional[SR]:
        if inquiry.control != self.asked:
            self.asked = inquiry.control
            say(asked=Control(inquiry.control).name)
        answer = self.status.answer(inquiry)
        if answer and inquiry.control == Control.START:
            self.delivery.started.set()
        return answer

    def send_unasked(self, response: SR) -> None:
        data = telegram.encode(response)
        self.datagrams.sendto(self.sealing.unasked(data) if self.sealing else data, self.manager)

    def say_dropped(self) -> None:
        say(dropped=self.drops)


def options() -> argparse.Namespace:
    form = "ID=[FROM[,FROM...]>][STATUS]:COMMAND"
    parser = argparse.ArgumentParser(description="A slave of renraku.")
    parser.add_argument("--host", required=True, help="the host name of this slave")
    parser.add_argument("--listen", required=True, type=address, metavar="IP[:PORT]")
    parser.add_argument("--manager", required=True, type=address, metavar="IP[:PORT]")
    parser.add_argument("--dir", required=True, type=Path, help="the directory of its files")
    parser.add_argument("--process", action="append", default=[], type=definition.parse, metavar=form)
    parser.add_argument(
        "--stay", action="append", default=[], type=partial(definition.parse, stays=True), metavar=form,
        help="a process that goes on running once it is up",
    )
    parser.add_argument("--keys", type=Path, metavar="FILE", help="seal datagrams with the keys of this file")
    parser.add_argument("--timeout", type=int, default=600, metavar="SECONDS", help="of each --process; 0: none")
    return parser.parse_args()


async def main() -> None:
    await Slave(options()).run()


if __name__ == "__main__":
    asyncio.run(main())
