"""Execution control of a manager (120): orders, and the results that come later (telegram/SPEC.md, sections 6.1 and 6.5)."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Callable, Dict, Mapping, Optional, Tuple

import telegram
from definition import Process
from files import History, save
from polling import Slave
from records import TEXT, TIME, HistoryRecord
from telegram import XQ, XR, Control
from transport import BROKEN, IDLE, RECEIPT, Connection, Drops, connect, say

_MARK = re.compile(r" \((OPERATOR|TIME|MESSAGE) \d\d:\d\d:\d\d\.\d{3}\)$")
_OPERATOR = "OPERATOR"

Verdict = Tuple[str, str, str]  # outcome, application execution status, text


class ExecutionControl:
    """Orders processes and takes results. It calls follow for the status in each of them."""

    def __init__(
        self,
        slaves: Mapping[str, Slave],
        processes: Mapping[str, Process],
        timeout: int,
        source: str,
        directory: Path,
        drops: Drops,
        follow: Callable[[Slave, str], None],
    ) -> None:
        self.slaves, self.processes, self.timeout, self.source = slaves, processes, timeout, source
        self.drops, self.follow = drops, follow
        self._history = History(directory)
        self._path = directory / "orders.json"
        # How many records the history had when the last order of a process was sent: what stands behind them is its answer.
        self._ordered: Dict[str, int] = json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}
        self._name_unknown()

    async def order(self, process: str, slave: Slave) -> None:
        """Orders a process on a slave, once the slave has been judged, and prints what becomes of it."""
        await slave.judged.wait()
        verdict = self._check(process, slave) or await self._send(process, slave)
        if verdict:
            self._record(slave.host, process, _OPERATOR, *verdict)

    def _check(self, process: str, slave: Slave) -> Optional[Verdict]:
        wanted = self.processes.get(process)
        if not wanted:
            return "SKIPPED", slave.application, "no such process"
        if not slave.running:
            return "SKIPPED", slave.application, "STOPPED"
        if wanted.status and wanted.status == slave.application:
            return "ALREADY", slave.application, "by the manager's contact file; nothing was sent"
        if wanted.origins and slave.application not in wanted.origins:
            return "SKIPPED", slave.application, f"not from {slave.application}"
        return None

    async def _send(self, process: str, slave: Slave) -> Optional[Verdict]:
        try:
            connection = await connect(slave.address, self.source)
        except BROKEN:
            return "UNREACHABLE", slave.application, "no connection"
        try:
            self._ordered[_key(slave.host, process)] = len(self._history.records)
            save(self._path, json.dumps(self._ordered).encode("utf-8"))
            await connection.send(telegram.encode(XQ(slave.host, Control.LAUNCH, process)))
            response = await self._answer(connection, process, slave)
            self._take(slave, response, by_itself=False)
        except BROKEN as error:
            connection.close()
            self.drops.count_error(error)
            return "UNKNOWN", slave.application, "sent, and no response"
        with suppress(*BROKEN):  # without the receipt, the slave delivers the response again
            await connection.send(_receipt(response))
        connection.close()
        return None

    async def _answer(self, connection: Connection, process: str, slave: Slave) -> XR:
        limit = self.timeout + RECEIPT if self.timeout else None
        while True:
            response = await connection.receive((XR,), limit)
            if (response.host, response.process) != (slave.host, process):
                raise ConnectionError("another telegram in place of the response")
            if response.control != Control.ENDED:
                return response
            self._take(slave, response, by_itself=True)  # of an earlier run; the wait goes on
            await connection.send(_receipt(response))

    async def connected(self, connection: Connection) -> None:
        """Takes results from a connection that a slave made, until it ends."""
        while True:
            response = await connection.receive((XR,), IDLE)
            slave = self.slaves.get(response.host)
            if not slave or slave.address[0] != connection.peer:
                self.drops.count("unknown address" if slave else "another host")
                return
            self._take(slave, response, by_itself=True)
            await connection.send(_receipt(response))

    def _take(self, slave: Slave, response: XR, by_itself: bool) -> None:
        """Puts a result on disk and follows its status. One that came by itself and is the last one again changes nothing."""
        if by_itself and response == self._last(response.host, response.process):
            return
        mark = _MARK.search(response.text)
        self._record(
            response.host,
            response.process,
            mark[1] if mark else _OPERATOR,
            Control(response.control).name,
            response.application,
            response.text,
        )
        self.follow(slave, response.application)

    def _last(self, host: str, process: str) -> Optional[XR]:
        """The last XR of the host and process since the last order of it was sent."""
        since = self._ordered.get(_key(host, process), 0)
        for record in reversed(self._history.records[since:]):
            if (record.host, record.process) == (host, process) and record.outcome in Control.__members__:
                return XR(host, Control[record.outcome], process, record.application, record.text)
        return None

    def _record(self, host: str, process: str, trigger: str, outcome: str, application: str, text: str) -> None:
        record = HistoryRecord(TIME.now(), host, process, trigger, outcome, application, TEXT.cut(text))
        self._history.add(record)
        say(**asdict(record))

    def _name_unknown(self) -> None:
        """Orders that were in progress when the manager ended have an unknown outcome."""
        for key, since in self._ordered.items():
            host, process = key.split(" ")
            if not any((record.host, record.process) == (host, process) for record in self._history.records[since:]):
                self._record(host, process, _OPERATOR, "UNKNOWN", "", "the manager ended before the response came")


def _key(host: str, process: str) -> str:
    return f"{host} {process}"


def _receipt(response: XR) -> bytes:
    return telegram.encode(XQ(response.host, Control.TAKEN, response.process))
