"""The reader of the test vectors' form (testdata/vectors/README.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List

from telegram import Control

DIRECTORY = Path(__file__).resolve().parent.parent / "vectors"
# All other headers are fields of the value.
_OWN = ("name", "of", "taken", "expect", "field", "kind", "offset", "key", "master", "direction")
_NUMBERS = ("key-id", "session", "sequence", "epoch")


@dataclass
class Vector:
    """One block: its headers as they stand, the fields of its value, its bytes."""

    headers: Dict[str, str] = field(default_factory=dict)
    value: Dict[str, Any] = field(default_factory=dict)
    data: bytes = b""


def read_all() -> List[Vector]:
    """The vectors of all files."""
    return [vector for path in sorted(DIRECTORY.glob("*.txt")) for vector in read(path.read_text("utf-8"))]


def read(text: str) -> List[Vector]:
    """The vectors of one file."""
    # Only a line feed ends a line: strings may have other line ends of Unicode.
    lines = [line for line in text.split("\n") if not line.startswith("#")]
    blocks = "\n".join(lines).split("\n\n")
    return [_vector(block) for block in blocks if block.strip()]


def _vector(block: str) -> Vector:
    vector = Vector()
    for line in block.split("\n"):
        key, colon, value = line.partition(": ")
        if not colon:
            vector.data += bytes.fromhex(line)
        elif key in _OWN:
            vector.headers[key] = value
        elif key in _NUMBERS:
            vector.value[key.replace("-", "_")] = int(value, 16)
        elif key == "control":
            vector.value[key] = int(value, 16) if value.startswith("0x") else Control[value]
        else:
            vector.value[key] = json.loads(value)
    return vector
