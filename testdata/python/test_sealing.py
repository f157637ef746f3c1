"""Sealed telegrams: every vector, and what a slave keeps (telegram/SPEC.md, section 12)."""

from __future__ import annotations

import json
import tempfile
import unittest
from contextlib import redirect_stdout
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any, List, Tuple
from unittest import mock

import sealing
import telegram
from fields import FormError
from sealing import Direction, ManagerSealing, Pair, SlaveSealing, Trailer
from telegram import SQ, SR
from vectors import Vector, read_all

TO_SLAVE, TO_MANAGER = Direction.TO_SLAVE, Direction.TO_MANAGER
MASTER, NEW_MASTER = bytes(range(32)), bytes(range(32, 64))
KEYS = Pair.derived(MASTER, "mgr01", "app01")
LEAST = 90  # fewer vectors than this are not all of them


class TestVectors(unittest.TestCase):
    vectors: List[Vector]

    @classmethod
    def setUpClass(cls) -> None:
        cls.vectors = [vector for vector in read_all() if "key" in (vector.headers["of"], *vector.headers)]
        assert len(cls.vectors) >= LEAST

    def expecting(self, of: str, expect: str) -> List[Vector]:
        found = [v for v in self.vectors if v.headers["of"].startswith(of) and v.headers["expect"] == expect]
        self.assertTrue(found)
        return found

    def open(self, vector: Vector) -> Tuple[Any, Trailer]:
        takes = vector.headers.get("taken", vector.headers["of"][-2:])
        direction, kind = (TO_SLAVE, SQ) if takes == "SQ" else (TO_MANAGER, SR)
        plain, trailer = sealing.split(vector.data)
        known = trailer.key_id == vector.value["key_id"]
        sealing.check(vector.data, trailer, direction, bytes.fromhex(vector.headers["key"]) if known else None)
        return telegram.decode(plain, (kind,)), trailer

    def test_each_key_is_derived(self) -> None:
        for vector in self.expecting("key", "value"):
            with self.subTest(vector.headers["name"]):
                direction = {"to-slave": TO_SLAVE, "to-manager": TO_MANAGER}[vector.headers["direction"]]
                master = bytes.fromhex(vector.headers["master"])
                self.assertEqual(sealing.derive(master, direction, **vector.value), vector.data)

    def test_sealed_bytes_open_to_the_value_and_the_value_seals_to_them(self) -> None:
        for vector in self.expecting("sealed", "value"):
            with self.subTest(vector.headers["name"]):
                value, trailer = self.open(vector)
                found = {**asdict(value), **asdict(trailer)}
                direction = TO_MANAGER if type(value) is SR else TO_SLAVE
                self.assertEqual(found, {**vector.value, "direction": direction})
                key = bytes.fromhex(vector.headers["key"])
                self.assertEqual(sealing.seal(telegram.encode(value), trailer, key), vector.data)

    def test_what_does_not_open_is_named_by_field_kind_and_offset(self) -> None:
        for vector in self.expecting("sealed", "error"):
            with self.subTest(vector.headers["name"]):
                with self.assertRaises(FormError) as caught:
                    self.open(vector)
                error, headers = caught.exception, vector.headers
                self.assertEqual(
                    (error.field, error.kind, error.offset), (headers["field"], headers["kind"], int(headers["offset"]))
                )


def inquiry_trailer(epoch: int, session: int, sequence: int) -> Trailer:
    return Trailer(TO_SLAVE, 1, session, sequence, epoch)


class TestSlaveSealing(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)

    def slave(self) -> SlaveSealing:
        return SlaveSealing({1: KEYS}, self.directory)

    def test_an_inquiry_is_taken_where_it_is_newer(self) -> None:
        for epoch, session, sequence, newer in [
            (5, 7, 10, False),  # the same
            (5, 7, 9, False),
            (5, 7, 11, True),
            (5, 7, 99, True),
            (5, 8, 11, False),  # another session of the same term
            (4, 7, 11, False),
            (4, 8, 99, False),
            (6, 8, 1, True),
            (6, 7, 1, True),
        ]:
            for wait in (False, True):
                with self.subTest(epoch=epoch, session=session, sequence=sequence, wait=wait):
                    self.directory.joinpath("seal.json").unlink(missing_ok=True)
                    slave = self.slave()
                    self.assertTrue(slave.take(inquiry_trailer(5, 7, 10), wait=False))
                    self.assertEqual(slave.take(inquiry_trailer(epoch, session, sequence), wait), newer)
                    self.assertFalse(slave.take(inquiry_trailer(epoch, session, sequence), wait), "again")
                    self.assertFalse(self.slave().take(inquiry_trailer(epoch, session, sequence), wait), "after a restart")

    def test_the_disk_is_waited_for_where_it_must_be(self) -> None:
        slave = self.slave()
        for wait in (False, True):
            with mock.patch("os.fsync") as fsync:
                slave.take(inquiry_trailer(1, 1, 1 + wait), wait)
                self.assertEqual(fsync.called, wait)

    def test_the_epoch_grows_with_each_start_and_is_on_disk_before_anything_is_sealed(self) -> None:
        for epoch in (1, 2, 3):
            self.assertEqual(self.slave().epoch, epoch)
            self.assertEqual(json.loads((self.directory / "seal.json").read_text())["epoch"], epoch)

    def test_what_was_kept_and_cannot_be_read_is_not_taken_for_nothing(self) -> None:
        for damage in ("", "{", "[1"):
            (self.directory / "seal.json").write_text(damage)
            with self.assertRaises(SystemExit):
                self.slave()
            with self.assertRaises(SystemExit):
                ManagerSealing({1: MASTER}, "mgr01", self.directory)

    def test_an_answer_has_its_inquirys_numbers_and_what_is_unasked_its_own(self) -> None:
        slave = self.slave()
        pair = Pair.derived(NEW_MASTER, "mgr01", "app01")
        slave.keys[2] = pair
        asked = Trailer(TO_SLAVE, 2, 7, 10, 5)
        self.assertTrue(slave.take(asked, wait=False))
        for sealed, wanted in [
            (slave.answer(b"telegram", asked), Trailer(TO_MANAGER, 2, 7, 10, slave.epoch)),
            (slave.unasked(b"telegram"), Trailer(TO_MANAGER, 2, 0, 1, slave.epoch)),
            (slave.unasked(b"telegram"), Trailer(TO_MANAGER, 2, 0, 2, slave.epoch)),
        ]:
            plain, trailer = sealing.split(sealed)
            self.assertEqual((plain, trailer), (b"telegram", wanted))
            sealing.check(sealed, trailer, TO_MANAGER, pair.to_manager)


class TestKeyFiles(unittest.TestCase):
    def test_the_program_gives_a_slave_the_keys_of_each_master_key(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            masters, keys = Path(directory, "masters"), Path(directory, "keys")
            masters.write_text(f"1 {MASTER.hex()}\n2 {NEW_MASTER.hex()}\n")
            with redirect_stdout(StringIO()) as out:
                sealing.main(str(masters), "mgr01", "app01")
            keys.write_text(out.getvalue())
            self.assertEqual(sealing.read_masters(masters), {1: MASTER, 2: NEW_MASTER})
            self.assertEqual(
                sealing.read_keys(keys), {1: KEYS, 2: Pair.derived(NEW_MASTER, "mgr01", "app01")}
            )
            masters.write_text("1 00ff\n")
            self.assertRaises(ValueError, sealing.read_masters, masters)


if __name__ == "__main__":
    unittest.main()
