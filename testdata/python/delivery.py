"""The results of a slave on their way to the manager, each until it has a receipt (telegram/SPEC.md, sections 6.3 and 6.4)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Callable, List, Optional, Union

import telegram
from memory import Memory
from telegram import SQ, XQ, XR, Control
from transport import BROKEN, RECEIPT, Address, Connection, Drops, connect

FIRST_PAUSE, LAST_PAUSE = 1.0, 60.0  # seconds
HELD = 15.0  # seconds that an answer waits for older results to be taken
MOST = 1024  # results without a receipt; more come only from runs in progress then


@dataclass(eq=False)
class Result:
    """An XR without a receipt. A claimed one is the answer to an order, and its connection is to carry it."""

    response: bytes
    claimed: bool = False


class Delivery:
    """The results in their order. Each is taken before the next is sent, by whichever connection."""

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

    async def answer(self, connection: Connection, result: Result) -> Optional[Union[SQ, XQ]]:
        """Sends a claimed result on the connection of its order. What comes instead of the receipt is given back."""
        try:
            await asyncio.wait_for(self._until(lambda: self.queue[0] is result), HELD)
            return await self._send(connection, result)
        finally:
            result.claimed = False
            self.changed.set()

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
                if await self._send(connection, self.queue[0]):
                    raise ConnectionError("another telegram in place of the receipt")
        finally:
            connection.close()

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self.started.wait(), self.pause)
        except asyncio.TimeoutError:
            pass
        self.pause = min(2 * self.pause, LAST_PAUSE)

    async def _send(self, connection: Connection, result: Result) -> Optional[Union[SQ, XQ]]:
        await connection.send(result.response)
        reply = await connection.receive((SQ, XQ), RECEIPT)
        if reply != receipt(result.response):
            return reply
        self.queue.remove(result)
        self.pause = FIRST_PAUSE
        self._save()
        return None

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
