"""Every test vector but the sealed ones, through the decoders and the encoders. Run with: python3 -m unittest"""

from __future__ import annotations

import unittest
from dataclasses import asdict
from typing import Any, Dict, List, Optional, Tuple

import records
import telegram
from fields import FormError
from vectors import Vector, read_all

TELEGRAMS = {kind.__name__: kind for kind in telegram.ALL}
RECORDS = {"contact": records.ContactRecord, "history": records.HistoryRecord}
TYPES = {**TELEGRAMS, **RECORDS}
LEAST = 600  # fewer than this are not all of them

# Each kind of error with the fields that can have it, as the documents name them.
KINDS = {
    "length": {"length"},
    "unknown-type": {"type"},
    "wrong-type": {"type"},
    "control": {"control"},
    "byte": {"host", "process", "application", "trigger", "outcome"},
    "space": {"host", "process", "application", "trigger", "outcome"},
    "empty": {"host", "process", "trigger", "outcome"},
    "utf8": {"text"},
    "control-char": {"text"},
    "too-long": {"host", "process", "application", "text"},
    "trailing-space": {"text"},
    "operating": {"operating"},
    "time": {"since", "time"},
    "filler": {"filler"},
    "end": {"end"},
    "short": {"host", "operating", "application", "since", "filler", "end"},
}


def decode(vector: Vector) -> Any:
    if vector.headers["of"] in RECORDS:
        return records.decode(RECORDS[vector.headers["of"]], vector.data)
    if "taken" in vector.headers:
        return telegram.decode(vector.data, [TELEGRAMS[vector.headers["taken"]]])
    return telegram.decode(vector.data)


def encode(vector: Vector) -> bytes:
    if vector.headers["of"] in RECORDS:
        return records.encode(RECORDS[vector.headers["of"]](**vector.value))
    return telegram.encode(TELEGRAMS[vector.headers["of"]](**vector.value))


def expected_error(headers: Dict[str, str]) -> Tuple[str, str, Optional[int]]:
    return headers["field"], headers["kind"], int(headers["offset"]) if "offset" in headers else None


class TestVectors(unittest.TestCase):
    vectors: List[Vector]

    @classmethod
    def setUpClass(cls) -> None:
        cls.vectors = [vector for vector in read_all() if "key" not in (vector.headers["of"], *vector.headers)]

    def expecting(self, expect: str) -> List[Vector]:
        found = [vector for vector in self.vectors if vector.headers["expect"] == expect]
        self.assertTrue(found)
        return found

    def test_they_are_all_there_and_each_has_a_name_of_its_own(self) -> None:
        names = {vector.headers["name"] for vector in self.vectors}
        self.assertEqual(len(names), len(self.vectors))
        self.assertGreaterEqual(len(names), LEAST)

    def test_they_have_every_kind_of_error_in_every_field_that_can_have_it(self) -> None:
        found: Dict[str, set] = {}
        for vector in self.vectors:
            if vector.headers["expect"] != "value":
                found.setdefault(vector.headers["kind"], set()).add(vector.headers["field"])
        self.assertEqual(found, KINDS)

    def test_good_bytes_decode_to_the_value_and_the_value_encodes_to_them(self) -> None:
        for vector in self.expecting("value"):
            with self.subTest(vector.headers["name"]):
                value = decode(vector)
                self.assertEqual(asdict(value), vector.value)
                self.assertIs(type(value), TYPES[vector.headers["of"]])
                self.assertEqual(encode(vector), vector.data)

    def test_bad_bytes_are_named_by_field_kind_and_offset(self) -> None:
        for vector in self.expecting("error"):
            with self.subTest(vector.headers["name"]):
                with self.assertRaises(FormError) as caught:
                    decode(vector)
                error = caught.exception
                self.assertEqual((error.field, error.kind, error.offset), expected_error(vector.headers))

    def test_values_that_have_no_bytes_are_refused_by_field_and_kind(self) -> None:
        for vector in self.expecting("refused"):
            with self.subTest(vector.headers["name"]):
                with self.assertRaises(FormError) as caught:
                    encode(vector)
                error = caught.exception
                self.assertEqual((error.field, error.kind, error.offset), expected_error(vector.headers))


if __name__ == "__main__":
    unittest.main()
