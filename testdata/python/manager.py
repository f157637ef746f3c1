"""A manager's poll and orders as a program, beside any slaves that follow telegram/SPEC.md.

It ends with SIGTERM, after it has told every slave END; SIGUSR1 prints what was dropped, by reason. Standard output has one JSON
line for each change of a slave's status and one for each outcome.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path
from typing import Tuple

import definition
from files import ContactFile
from orders import ExecutionControl
from polling import Slave, StatusControl, Times
from records import SINCE, ContactRecord
from sealing import ManagerSealing, read_masters
from transport import Address, Drops, address, listen, open_datagrams, say


class Manager:
    """The manager (100): its two controls behind its port."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.host: str = options.host
        self.listen: Address = options.listen
        self.drops = Drops()
        options.dir.mkdir(0o750, parents=True, exist_ok=True)
        self.contacts = ContactFile(options.dir)
        self.slaves = {host: Slave(host, at) for host, at in options.slave}
        self.numbers = {host: number for number, host in enumerate(self.slaves, start=1)}
        times = Times(options.interval, options.wait, options.retries)
        sealing = ManagerSealing(read_masters(options.master), self.host, options.dir) if options.master else None
        self.status = StatusControl(self.slaves, times, self.drops, self.send, self.changed, sealing)
        processes = {process.id: process for process in options.process}
        self.execution = ExecutionControl(
            self.slaves, processes, options.timeout, self.listen[0], options.dir, self.drops, self.status.follow
        )
        self.orders = [(process, self.slaves[host]) for process, host in options.order]

    async def run(self) -> None:
        """Runs until SIGTERM."""
        own = ContactRecord(self.host, "RUNNING", "NOT-STARTED", SINCE.now())
        self.contacts.begin([own] + [self.record(slave) for slave in self.slaves.values()])
        known = {slave.address[0] for slave in self.slaves.values()}
        self.datagrams = await open_datagrams(self.listen, self.status.received)
        await listen(self.listen, known, self.drops, self.execution.connected)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        loop.add_signal_handler(signal.SIGINT, ended.set)
        loop.add_signal_handler(signal.SIGUSR1, self.say_dropped)
        say(ready=self.host)
        tasks = [loop.create_task(self.status.monitor(slave)) for slave in self.slaves.values()]
        tasks.append(loop.create_task(self.send_orders()))
        await ended.wait()
        for task in tasks:
            task.cancel()
        await self.status.end()
        self.contacts.clear()
        self.say_dropped()

    async def send_orders(self) -> None:
        for process, slave in self.orders:
            await self.execution.order(process, slave)

    def send(self, data: bytes, to: Address) -> None:
        self.datagrams.sendto(data, to)

    def changed(self, slave: Slave) -> None:
        """Puts a slave's status into the contact file (17) and prints it."""
        record = self.record(slave)
        self.contacts.write(self.numbers[slave.host], record)
        say(host=record.host, operating=record.operating, application=record.application)

    def record(self, slave: Slave) -> ContactRecord:
        return ContactRecord(
            slave.host, "RUNNING" if slave.running else "STOPPED", slave.application, SINCE.now()
        )

    def say_dropped(self) -> None:
        say(dropped=self.drops)


def slave(text: str) -> Tuple[str, Address]:
    """Reads HOST=IP[:PORT]."""
    host, _, at = text.partition("=")
    return host, address(at)


def order(text: str) -> Tuple[str, str]:
    """Reads PROCESS@HOST."""
    process, _, host = text.partition("@")
    return process, host


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A manager of renraku.")
    parser.add_argument("--host", required=True, help="the host name of the manager, for its contact file")
    parser.add_argument("--listen", required=True, type=address, metavar="IP[:PORT]")
    parser.add_argument("--dir", required=True, type=Path, help="the directory of its files")
    parser.add_argument("--slave", action="append", required=True, type=slave, metavar="HOST=IP[:PORT]")
    parser.add_argument("--interval", type=float, default=10, metavar="SECONDS")
    parser.add_argument("--wait", type=float, default=1, metavar="SECONDS", help="the response wait")
    parser.add_argument("--retries", type=int, default=5, metavar="NUMBER")
    parser.add_argument(
        "--process", action="append", default=[], type=definition.parse,
        metavar="ID=[FROM[,FROM...]>][STATUS]:COMMAND", help="as at the slaves",
    )
    parser.add_argument("--timeout", type=int, default=600, metavar="SECONDS", help="of each --process; 0: none")
    parser.add_argument("--master", type=Path, metavar="FILE", help="seal datagrams with the master keys of this file")
    parser.add_argument("--order", action="append", default=[], type=order, metavar="PROCESS@HOST", help="order it, once")
    return parser.parse_args()


async def main() -> None:
    await Manager(options()).run()


if __name__ == "__main__":
    asyncio.run(main())
