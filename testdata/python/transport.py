"""Datagrams and connections: one telegram in each datagram, framing on TCP, addresses, limits, and what is dropped
(telegram/SPEC.md, sections 6 to 8)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Awaitable, Callable, Collection, Tuple, Type

import telegram
from fields import FormError
from sealing import SealError
from telegram import T

Address = Tuple[str, int]
PORT = 10320

IDLE = 60.0  # seconds that a connection may be without a telegram
WRITING = 10.0  # seconds for writing a telegram
CONNECTING = 5.0  # seconds for making a connection
RECEIPT = 10.0  # seconds for a TAKEN, and for an XR beyond the timeout of its process
MOST_CONNECTIONS = 1024

# The reason of a drop, by the field that does not decode.
REASONS = {
    "length": "length",
    "type": "telegram type",
    "control": "control code",
    "host": "host name",
    "process": "process ID",
    "application": "application execution status",
    "text": "text",
}


def address(text: str) -> Address:
    """Reads IP or IP:PORT, as in 127.0.0.1:10320."""
    host, _, port = text.partition(":")
    return host, int(port or PORT)


class CutOff(ConnectionError):
    """A connection ended inside a telegram."""


# What ends a connection.
BROKEN = (FormError, OSError, asyncio.TimeoutError)


class Drops(Counter):
    """How often something was dropped, by reason."""

    def count(self, reason: str) -> None:
        self[reason] += 1

    def count_error(self, error: Exception) -> None:
        """Counts what does not decode or open and what is cut off, and nothing else."""
        if isinstance(error, SealError):
            self.count(error.reason)
        elif isinstance(error, FormError):
            self.count(REASONS[error.field])
        elif isinstance(error, CutOff):
            self.count("cut off")


def say(**what: object) -> None:
    """Prints one JSON line."""
    print(json.dumps(what), flush=True)


class _Receiver(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, Address], None]) -> None:
        self.received = received

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.received(data, addr)


async def open_datagrams(
    listen: Address, received: Callable[[bytes, Address], None]
) -> asyncio.DatagramTransport:
    """Opens the UDP port; received gets each datagram with its sender."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Receiver(received), local_addr=listen)
    return transport


class Connection:
    """A TCP connection that carries telegrams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.peer: str = writer.get_extra_info("peername")[0]

    async def receive(self, taken: Collection[Type[T]], limit: float | None) -> T:
        """Reads one telegram, however it is cut into segments, within limit seconds."""
        return await asyncio.wait_for(self._receive(taken), limit)

    async def _receive(self, taken: Collection[Type[T]]) -> T:
        header = await self._read(b"", telegram.HEADER)
        length = telegram.LENGTHS[telegram.type_of(header, taken)]
        return telegram.decode(await self._read(header, length), taken)

    async def _read(self, data: bytes, length: int) -> bytes:
        while len(data) < length:
            try:
                part = await self.reader.read(length - len(data))
            except ConnectionError:
                part = b""  # a reset inside a telegram cuts it off like an orderly end
            if not part:
                raise CutOff() if data else ConnectionError("the connection has ended")
            data += part
        return data

    async def send(self, data: bytes) -> None:
        """Writes the bytes of a telegram."""
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), WRITING)

    def close(self) -> None:
        self.writer.close()


async def connect(to: Address, source: str) -> Connection:
    """Connects from the source address, by which the other side knows this one."""
    opening = asyncio.open_connection(*to, local_addr=(source, 0))
    return Connection(*await asyncio.wait_for(opening, CONNECTING))


async def listen(
    at: Address,
    known: Collection[str],
    drops: Drops,
    handle: Callable[[Connection], Awaitable[None]],
) -> asyncio.AbstractServer:
    """Opens the TCP port. Each connection from a known address is handled until handle returns or the connection breaks."""
    connections = 0

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connection = Connection(reader, writer)
        connections += 1
        try:
            if connections > MOST_CONNECTIONS:
                drops.count("too many connections")
            elif connection.peer not in known:
                drops.count("unknown address")
            else:
                await handle(connection)
        except BROKEN as error:
            drops.count_error(error)
        except asyncio.CancelledError:
            pass  # the program ends; before Python 3.12 streams would print it
        finally:
            connections -= 1
            connection.close()

    return await asyncio.start_server(accepted, *at)
