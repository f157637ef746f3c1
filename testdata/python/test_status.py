"""Status control of a slave: each inquiry in each phase (telegram/SPEC.md, section 5.2)."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path
from typing import List, Optional

from memory import Memory
from records import read_contacts
from status import Phase, StatusControl
from telegram import SQ, SR, Control
from transport import Drops

MONITORING, BY_MANAGER, BY_OPERATOR = Phase.MONITORING, Phase.ENDED_BY_MANAGER, Phase.ENDED_BY_OPERATOR
CHECK, START, END = Control.CHECK, Control.START, Control.END
RUNNING, STOPPED = Control.RUNNING, Control.STOPPED

# Section 5.2: phase, inquiry, answer, phase afterwards.
INQUIRIES = [
    (MONITORING, CHECK, RUNNING, MONITORING),
    (MONITORING, START, RUNNING, MONITORING),
    (MONITORING, END, STOPPED, BY_MANAGER),
    (BY_MANAGER, CHECK, None, BY_MANAGER),
    (BY_MANAGER, START, RUNNING, MONITORING),
    (BY_MANAGER, END, STOPPED, BY_MANAGER),
    (BY_OPERATOR, CHECK, STOPPED, BY_OPERATOR),
    (BY_OPERATOR, START, STOPPED, BY_OPERATOR),
    (BY_OPERATOR, END, STOPPED, BY_OPERATOR),
]


class TestStatusControl(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.drops = Drops()
        self.sent: List[SR] = []
        self.memory = Memory(self.directory, "app01")
        self.status = StatusControl("app01", self.memory, self.drops, self.sent.append)

    def enter(self, phase: Phase) -> None:
        self.status.begin()
        if phase is BY_MANAGER:
            self.status.answer(SQ("app01", END))
        elif phase is BY_OPERATOR:
            self.status.end(phase)
        self.assertIs(self.status.phase, phase)

    def contact(self) -> Optional[str]:
        records = read_contacts((self.directory / "contact.dat").read_bytes())
        return " ".join([records[0].host, records[0].operating, records[0].application]) if records else None

    def test_each_inquiry_in_each_phase_has_the_answer_of_the_specification(self) -> None:
        for phase, inquiry, control, afterwards in INQUIRIES:
            with self.subTest(phase=phase, inquiry=inquiry):
                self.enter(phase)
                answer = self.status.answer(SQ("app01", inquiry))
                self.assertEqual(answer and answer.control, control)
                self.assertIs(self.status.phase, afterwards)
                self.assertEqual(self.contact(), "app01 RUNNING NOT-STARTED" if afterwards is MONITORING else None)
        self.assertEqual(self.drops, {"not monitored": 1})

    def test_the_status_outlives_every_phase(self) -> None:
        self.enter(MONITORING)
        self.memory.status = "ONLINE"
        for phase in (BY_MANAGER, BY_OPERATOR, MONITORING):
            self.enter(phase)
            self.assertEqual(self.memory.status, "ONLINE")

    def test_the_operators_start_and_end_are_told_unasked(self) -> None:
        self.enter(BY_OPERATOR)
        self.status.begin()
        self.assertEqual([response.control for response in self.sent], [RUNNING, STOPPED, RUNNING])
        self.assertEqual([bool(response.text) for response in self.sent], [False, True, False])

    def test_an_inquiry_for_another_host_is_dropped_and_changes_nothing(self) -> None:
        self.enter(MONITORING)
        self.assertIsNone(self.status.answer(SQ("app02", END)))
        self.assertIs(self.status.phase, MONITORING)
        self.assertEqual(self.drops, {"another host": 1})

    def test_a_status_that_a_person_corrects_in_the_file_is_the_slaves(self) -> None:
        self.enter(MONITORING)
        path = self.directory / "contact.dat"
        path.write_bytes(path.read_bytes().replace(b"NOT-STARTED", b"BATCH      "))
        answer = self.status.answer(SQ("app01", CHECK))
        self.assertEqual(answer, SR("app01", RUNNING, "BATCH", ""))

    def test_each_answer_sets_the_slaves_own_record_to_running(self) -> None:
        self.enter(MONITORING)
        self.memory.status = "ONLINE"
        path = self.directory / "contact.dat"
        for damage in (path.read_bytes().replace(b"RUNNING", b"STOPPED"), b"what is this", b""):
            path.write_bytes(damage)
            self.assertEqual(self.status.answer(SQ("app01", CHECK)), SR("app01", RUNNING, "ONLINE", ""))
            self.assertEqual(self.contact(), "app01 RUNNING ONLINE")


if __name__ == "__main__":
    unittest.main()
