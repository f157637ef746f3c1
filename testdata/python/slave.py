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
from status import Phase, StatusControl
from telegram import SQ, SR, XQ, Control
from transport import IDLE, Address, Connection, Drops, address, listen, open_datagrams, say


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
        self.say_dropped()

    def received(self, data: bytes, sender: Address) -> None:
        """Answers an inquiry to where it came from (33)."""
        if sender[0] != self.manager[0]:
            self.drops.count("unknown address")
            return
        try:
            inquiry = telegram.decode(data, (SQ,))
        except FormError as error:
            self.drops.count_error(error)
            return
        answer = self.answer(inquiry)
        if answer:
            self.datagrams.sendto(telegram.encode(answer), sender)

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
        self.datagrams.sendto(telegram.encode(response), self.manager)

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
    parser.add_argument("--timeout", type=int, default=600, metavar="SECONDS", help="of each --process; 0: none")
    return parser.parse_args()


async def main() -> None:
    await Slave(options()).run()


if __name__ == "__main__":
    asyncio.run(main())
