"""The results of a slave on their way to the manager, each until it has a receipt (telegram/SPEC.md, sections 6.3 and 6.4)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Awaitable, Callable, List, Optional

import telegram
from memory import Memory
from telegram import SQ, XQ, XR, Control
from transport import BROKEN, RECEIPT, Address, Connection, Drops, connect

FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0  # seconds
HELD = 2.0  # seconds that an answer waits for older results to be delivered
MOST = 1024  # results without a receipt; more come only from runs in progress then


Asked = Callable[[SQ], Awaitable[None]]


@dataclass(eq=False)
class Result:
    """An XR without a receipt. A claimed one is the answer to an order, and its connection is to carry it."""

    response: bytes
    claimed: bool = False


class Delivery:
    """The results in their order. Each that is delivered is taken before the next is sent."""

    def __init__(self, memory: Memory, manager: Address, source: str, drops: Drops) -> None:
        self.memory, self.manager, self.source, self.drops = memory, manager, source, drops
        self.queue: List[Result] = [Result(response) for response in memory.results]
        self.changed = asyncio.Event()
        self.started = asyncio.Event()  # a START came
        self.pause = FIRST_PAUSE

    def full(self) -> bool:
        return len(self.queue) >= MOST

    def add(self, response: XR, claimed: bool) -> Result:
        """Adds a result, and puts it on disk together with all else in the memory."""
        result = Result(telegram.encode(response), claimed)
        self.queue.append(result)
        try:
            self._save()
        except OSError:
            result.claimed = False  # it is delivered when the disk allows it
            raise
        return result

    async def answer(self, connection: Connection, result: Result, asked: Asked) -> Optional[XQ]:
        """Sends a claimed result on the connection of its order. The next order, where it comes instead of the receipt, is given
        back; an inquiry goes to asked, and the receipt is waited for on."""
        try:
            try:
                await asyncio.wait_for(self._until(lambda: self._older_delivered(result)), HELD)
            except asyncio.TimeoutError:
                pass  # the manager takes this connection, if not ours
            await connection.send(result.response)
            return await asyncio.wait_for(self._await_receipt(connection, result, asked), RECEIPT)
        finally:
            result.claimed = False
            self.changed.set()

    def _older_delivered(self, result: Result) -> bool:
        return all(older.claimed for older in self.queue[: self.queue.index(result)])

    async def _await_receipt(self, connection: Connection, result: Result, asked: Asked) -> Optional[XQ]:
        while True:
            reply = await connection.receive((SQ, XQ), None)
            if reply == receipt(result.response):
                self._take(result)
                return None
            if isinstance(reply, SQ):
                await asked(reply)
            elif reply.control == Control.LAUNCH:
                return reply

    async def run(self) -> None:
        """Delivers what has no receipt and no connection, for ever."""
        while True:
            await self._until(self._due)
            self.started.clear()
            try:
                await self._deliver()
            except BROKEN as error:
                self.drops.count_error(error)
                await self._rest()

    def _due(self) -> bool:
        return bool(self.queue) and not self.queue[0].claimed

    async def _deliver(self) -> None:
        connection = await connect(self.manager, self.source)
        try:
            while self._due():
                result = self.queue[0]
                await connection.send(result.response)
                if await connection.receive((XQ,), RECEIPT) != receipt(result.response):
                    raise ConnectionError("another telegram in place of the receipt")
                self._take(result)
        finally:
            connection.close()

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self.started.wait(), self.pause)
        except asyncio.TimeoutError:
            pass
        self.pause = min(2 * self.pause, LAST_PAUSE)

    def _take(self, result: Result) -> None:
        self.queue.remove(result)
        self.pause = FIRST_PAUSE
        self._save()

    def _save(self) -> None:
        self.changed.set()
        self.memory.results = [result.response for result in self.queue]
        self.memory.save()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self.changed.clear()
            await self.changed.wait()


def receipt(response: bytes) -> XQ:
    """The TAKEN of an XR."""
    xr = telegram.decode(response, (XR,))
    return XQ(xr.host, Control.TAKEN, xr.process)
