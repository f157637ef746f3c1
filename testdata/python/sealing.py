"""Sealed telegrams: the trailer, the keys, and what each side keeps of them (telegram/SPEC.md, section 12).

As a program it gives the keys of a slave, for its --keys: sealing.py MASTER-FILE MANAGER SLAVE. Each line of a master file is a key
ID and a master key of 64 hexadecimal digits; the last one is the newest.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import struct
import sys
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Dict, Optional, Set, Tuple

from fields import FormError, Name
from files import save

MAGIC, ALGORITHM = b"HBA1", 1
_PREFIX = b"hb1"
_FRONT = struct.Struct(">4sBBHQQQ")  # the trailer before the MAC
_MAC = 16
TRAILER = _FRONT.size + _MAC
SECRET = 32

# Offsets in the trailer.
_ALGORITHM_AT, _FLAGS_AT, _KEY_ID_AT = 4, 5, 6


class Direction(IntEnum):
    """Which of the two sends."""

    TO_SLAVE = 0
    TO_MANAGER = 1


@dataclass(frozen=True)
class Trailer:
    """What a trailer says, but for the MAC."""

    direction: Direction
    key_id: int
    session: int
    sequence: int
    epoch: int


class SealError(FormError):
    """What is wrong with a trailer, with the reason of the drop."""

    def __init__(self, field: str, kind: str, offset: int, reason: str) -> None:
        super().__init__(field, kind, offset)
        self.reason = reason


def derive(master: bytes, direction: Direction, manager: str, slave: str) -> bytes:
    """The key of one direction between two hosts: HKDF-SHA256 without a salt, of which one block is enough."""
    host = Name(64)
    info = _PREFIX + bytes([direction]) + host.write(manager) + host.write(slave)
    extracted = hmac.digest(bytes(SECRET), master, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def seal(telegram: bytes, trailer: Trailer, key: bytes) -> bytes:
    """The telegram with its trailer."""
    front = _FRONT.pack(
        MAGIC, ALGORITHM, trailer.direction, trailer.key_id, trailer.session, trailer.sequence, trailer.epoch
    )
    return telegram + front + _mac(telegram, front, trailer.direction, key)


def _mac(telegram: bytes, front: bytes, direction: Direction, key: bytes) -> bytes:
    head = _PREFIX + bytes([direction]) + len(telegram).to_bytes(2, "big")
    return hmac.digest(key, head + telegram + front, hashlib.sha256)[:_MAC]


def split(data: bytes) -> Tuple[bytes, Trailer]:
    """The telegram and its trailer, whose form alone is looked at (checks 1 to 4)."""
    n = len(data) - TRAILER
    if n <= 0:
        raise SealError("length", "length", len(data), "trailer")
    magic, algorithm, flags, *numbers = _FRONT.unpack_from(data, n)
    if magic != MAGIC:
        raise SealError("magic", "magic", n, "trailer")
    if algorithm != ALGORITHM:
        raise SealError("algorithm", "algorithm", n + _ALGORITHM_AT, "trailer")
    if flags not in list(Direction):
        raise SealError("flags", "flags", n + _FLAGS_AT, "trailer")
    return data[:n], Trailer(Direction(flags), *numbers)


def check(data: bytes, trailer: Trailer, direction: Direction, key: Optional[bytes]) -> None:
    """Checks 5 to 7; there is no key where the ID is not one that this end takes."""
    n = len(data) - TRAILER
    if key is None:
        raise SealError("key-id", "key-id", n + _KEY_ID_AT, "unknown key")
    if trailer.direction != direction:
        raise SealError("flags", "direction", n + _FLAGS_AT, "wrong MAC")
    if not hmac.compare_digest(data[-_MAC:], _mac(data[:n], data[n:-_MAC], direction, key)):
        raise SealError("mac", "mac", n + _FRONT.size, "wrong MAC")


@dataclass(frozen=True)
class Pair:
    """The keys of one slave."""

    to_slave: bytes
    to_manager: bytes

    @staticmethod
    def derived(master: bytes, manager: str, slave: str) -> Pair:
        return Pair(*(derive(master, direction, manager, slave) for direction in Direction))


class SlaveSealing:
    """What a slave opens and seals with. Its seal.json has its epoch, and the epoch, session and sequence of the last inquiry that
    was taken."""

    def __init__(self, keys: Dict[int, Pair], directory: Path) -> None:
        self.keys, self._path = keys, directory / "seal.json"
        kept = _kept(self._path)
        self.epoch: int = kept.get("epoch", 0) + 1
        self._seen: Tuple[int, int, int] = tuple(kept.get("seen", (0, 0, 0)))
        self._key_id = next(iter(keys))  # of the last inquiry
        self._unasked = 0
        self._save(wait=True)

    def open(self, data: bytes) -> Tuple[bytes, Trailer]:
        """The telegram in a datagram of the manager, and its trailer."""
        telegram, trailer = split(data)
        pair = self.keys.get(trailer.key_id)
        check(data, trailer, Direction.TO_SLAVE, pair and pair.to_slave)
        return telegram, trailer

    def take(self, trailer: Trailer, wait: bool) -> bool:
        """Whether the inquiry is newer than all before. Then it is kept; wait has that on disk afterwards."""
        epoch, session, sequence = self._seen
        newer = trailer.epoch > epoch or (
            (trailer.epoch, trailer.session) == (epoch, session) and trailer.sequence > sequence
        )
        if newer:
            self._seen, self._key_id = (trailer.epoch, trailer.session, trailer.sequence), trailer.key_id
            self._save(wait)
        return newer

    def answer(self, telegram: bytes, inquiry: Trailer) -> bytes:
        """Seals the answer to an inquiry."""
        return self._seal(telegram, inquiry.key_id, inquiry.session, inquiry.sequence)

    def unasked(self, telegram: bytes) -> bytes:
        """Seals a response that nobody asked for."""
        self._unasked += 1
        return self._seal(telegram, self._key_id, 0, self._unasked)

    def _seal(self, telegram: bytes, key_id: int, session: int, sequence: int) -> bytes:
        trailer = Trailer(Direction.TO_MANAGER, key_id, session, sequence, self.epoch)
        return seal(telegram, trailer, self.keys[key_id].to_manager)

    def _save(self, wait: bool) -> None:
        save(self._path, json.dumps({"epoch": self.epoch, "seen": self._seen}).encode("ascii"), wait)


@dataclass
class Association:
    """What there is between the manager and one slave."""

    keys: Pair
    key_id: int
    sequence: int = 0  # of the last inquiry
    waiting: Set[int] = field(default_factory=set)  # the sequences of the round in progress without an answer
    epoch: int = 0  # the slave's, as last seen
    hints: int = 0  # the sequence of its last hint in that epoch


class ManagerSealing:
    """What the manager opens and seals with. Its seal.json has its term, which is its epoch."""

    def __init__(self, masters: Dict[int, bytes], manager: str, directory: Path) -> None:
        self.masters, self.manager = masters, manager
        path = directory / "seal.json"
        self.term: int = _kept(path).get("term", 0) + 1
        save(path, json.dumps({"term": self.term}).encode("ascii"))
        self.session = 1 + secrets.randbelow(2**64 - 1)
        self._slaves: Dict[str, Association] = {}

    def begin(self, slave: str) -> None:
        """A round begins: no attempt before it is waited for, and the newest master key is taken up."""
        key_id, master = list(self.masters.items())[-1]
        known = self._slaves.get(slave)
        if known is None or known.key_id != key_id:
            keys = Pair.derived(master, self.manager, slave)
            known = Association(keys, key_id, *((known.sequence, set(), known.epoch, known.hints) if known else ()))
            self._slaves[slave] = known
        known.waiting.clear()

    def seal(self, telegram: bytes, slave: str) -> bytes:
        """Seals an attempt of the round."""
        known = self._slaves[slave]
        known.sequence += 1
        known.waiting.add(known.sequence)
        trailer = Trailer(Direction.TO_SLAVE, known.key_id, self.session, known.sequence, self.term)
        return seal(telegram, trailer, known.keys.to_slave)

    def open(self, data: bytes, trailer: Trailer, slave: str) -> None:
        """Checks a datagram that says it is from the slave."""
        known = self._slaves.get(slave)
        has = known is not None and known.key_id == trailer.key_id
        check(data, trailer, Direction.TO_MANAGER, known.keys.to_manager if known and has else None)

    def answers(self, slave: str, trailer: Trailer) -> bool:
        """Whether it answers an attempt of the round, for the first time."""
        known = self._slaves[slave]
        if trailer.session != self.session or trailer.sequence not in known.waiting:
            return False
        known.waiting.remove(trailer.sequence)
        if trailer.epoch != known.epoch:
            known.epoch, known.hints = trailer.epoch, 0
        return True

    def hints(self, slave: str, trailer: Trailer) -> bool:
        """Whether it is a response that nobody asked for, and newer than what is known of the slave."""
        known = self._slaves[slave]
        newer = (trailer.epoch, trailer.sequence) > (known.epoch, known.hints)
        if trailer.session != 0 or not newer:
            return False
        known.epoch, known.hints = trailer.epoch, trailer.sequence
        return True


def _kept(path: Path) -> Dict[str, int]:
    # What cannot be read is not taken for nothing kept: then an inquiry of long ago would count as new.
    try:
        return json.loads(path.read_text("ascii")) if path.exists() else {}
    except ValueError as error:
        raise SystemExit(f"{path}: {error}") from None


def read_masters(path: Path) -> Dict[int, bytes]:
    """The master keys of a file, by ID."""
    return {int(key_id): _secret(master) for key_id, master in map(str.split, path.read_text("ascii").splitlines())}


def read_keys(path: Path) -> Dict[int, Pair]:
    """The keys of a slave: in each line an ID, the key to the slave, the key to the manager."""
    lines = map(str.split, path.read_text("ascii").splitlines())
    return {int(key_id): Pair(_secret(to_slave), _secret(to_manager)) for key_id, to_slave, to_manager in lines}


def _secret(text: str) -> bytes:
    secret = bytes.fromhex(text)
    if len(secret) != SECRET:
        raise ValueError(f"a key of {len(secret)} bytes, not {SECRET}")
    return secret


def main(masters: str, manager: str, slave: str) -> None:
    for key_id, master in read_masters(Path(masters)).items():
        pair = Pair.derived(master, manager, slave)
        print(key_id, pair.to_slave.hex(), pair.to_manager.hex())


if __name__ == "__main__":
    main(*sys.argv[1:])
