"""What a slave must not forget: its status, the runs in progress, the results without a receipt, and its contact file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Dict, List, Optional

from files import ContactFile, save
from records import SINCE, ContactRecord

NOT_STARTED = "NOT-STARTED"


@dataclass
class Run:
    """A run in progress: its process, the status after its end (None: not changed by it), and whether it is up already. The last
    two are for a process that stays."""

    process: str
    after: Optional[str]
    up: bool = False


class Memory:
    """The files of a slave: contact.dat, which anyone may read, and slave.json, which is its own."""

    def __init__(self, directory: Path, host: str) -> None:
        self._host = host
        self._contacts = ContactFile(directory)
        self._path = directory / "slave.json"
        kept = json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}
        self._status: str = kept.get("status", NOT_STARTED)
        self.runs: Dict[str, Run] = {run["process"]: Run(**run) for run in kept.get("runs", [])}
        self.results: List[bytes] = [bytes.fromhex(result) for result in kept.get("results", [])]

    def save(self) -> None:
        """Puts all but the contact file on disk, in one step."""
        kept = {
            "status": self.status,
            "runs": [asdict(run) for run in self.runs.values()],
            "results": [result.hex() for result in self.results],
        }
        save(self._path, json.dumps(kept).encode("ascii"))

    def contact(self) -> Optional[ContactRecord]:
        """The slave's own record as it stands in the file, which a person may have corrected. None: it cannot be read."""
        try:
            (contact,) = self._contacts.read()
        except (OSError, ValueError):  # damaged, or not one record
            return None
        return contact if contact.host == self._host else None

    @property
    def status(self) -> str:
        """The application execution status; outside monitoring, or where the file is damaged, as it was last known."""
        contact = self.contact()
        if contact:
            self._status = contact.application
        return self._status

    @status.setter
    def status(self, status: str) -> None:
        contact = self.contact()
        if contact and contact.application != status:
            self._contacts.write(0, self._record(contact.operating, status))
        self._status = status

    def begin(self) -> None:
        """Monitoring begins: the contact file has the slave's record, RUNNING."""
        self._contacts.begin([self._record("RUNNING", self.status)])

    def running(self) -> None:
        """An answer sets the slave's own record to RUNNING (38)."""
        contact = self.contact()
        if not contact or contact.operating != "RUNNING":
            self.begin()

    def clear(self) -> None:
        """Monitoring ends: the contact file is empty, and the status is kept beside it."""
        self.save()
        self._contacts.clear()

    def _record(self, operating: str, status: str) -> ContactRecord:
        return ContactRecord(self._host, operating, status, SINCE.now())
