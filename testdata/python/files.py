"""The writers of the contact file and of the history, and of what must be on disk as a whole (CONTACTFILE.md, HISTORY.md)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import List

import records
from records import ContactRecord, HistoryRecord

_MODE = 0o640


class ContactFile:
    """A contact file, which this process alone writes: it holds an exclusive flock for its life."""

    def __init__(self, directory: Path) -> None:
        path = directory / "contact.dat"
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, _MODE)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"{path}: another daemon holds it") from None

    def read(self) -> List[ContactRecord]:
        """All records; none where there is no monitoring."""
        return records.read_contacts(os.pread(self._fd, os.fstat(self._fd).st_size, 0))

    def begin(self, contacts: List[ContactRecord]) -> None:
        """Makes the file anew."""
        self.clear()
        os.pwrite(self._fd, b"".join(map(records.encode, contacts)), 0)

    def write(self, number: int, contact: ContactRecord) -> None:
        """Changes one record in place."""
        os.pwrite(self._fd, records.encode(contact), number * records.LENGTHS[ContactRecord])

    def clear(self) -> None:
        """The end of monitoring."""
        os.ftruncate(self._fd, 0)


class History:
    """A history that is written at its end. The lock on the contact file of its directory guards it too."""

    def __init__(self, directory: Path) -> None:
        self._fd = os.open(directory / "history.dat", os.O_RDWR | os.O_CREAT, _MODE)
        size = os.fstat(self._fd).st_size
        self._end = size - size % records.LENGTHS[HistoryRecord]
        os.ftruncate(self._fd, self._end)  # of an incomplete record nobody was told
        self.records = records.read_history(os.pread(self._fd, self._end, 0))

    def add(self, record: HistoryRecord) -> None:
        """Adds a record, and returns when it is on disk. After an OSError nothing was added."""
        data = records.encode(record)
        try:
            if os.pwrite(self._fd, data, self._end) != len(data):
                raise OSError("the disk is full")
            os.fdatasync(self._fd)
        except OSError:
            os.ftruncate(self._fd, self._end)
            raise
        self._end += len(data)
        self.records.append(record)


def save(path: Path, data: bytes, wait: bool = True) -> None:
    """Writes a file as a whole: after a crash it is as it was or as it is now. Without wait, a crash of the machine may lose the
    last of these."""
    new = path.with_suffix(".new")
    with open(new, "wb", opener=lambda name, flags: os.open(name, flags, _MODE)) as file:
        file.write(data)
        file.flush()
        if wait:
            os.fsync(file.fileno())
    os.replace(new, path)
    if not wait:
        return
    directory = os.open(path.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)
