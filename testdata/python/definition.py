"""The process definitions that both sides have: which processes there are, and what each does to the status.

As an option, ID=[FROM[,FROM...]>][STATUS]:COMMAND, as in ONLINE=NOT-STARTED,BATCH>ONLINE:/opt/app/online start
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Tuple

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]"
_OPTION = re.compile(
    rf"(?P<id>{_NAME}{{0,15}})=(?:(?P<origins>[^>:]*)>)?(?P<status>(?:{_NAME}{{0,23}})?):(?P<command>/.*)"
)


@dataclass(frozen=True)
class Process:
    """A process: its ID, the statuses it may run from (none: any), the status it sets (empty: none), the command with its
    arguments, and whether it stays once it is up."""

    id: str
    origins: Tuple[str, ...]
    status: str
    command: Tuple[str, ...]
    stays: bool


def parse(text: str, stays: bool = False) -> Process:
    """Reads the option's form."""
    found = _OPTION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is not ID=[FROM[,FROM...]>][STATUS]:/COMMAND")
    origins = tuple(found["origins"].split(",")) if found["origins"] else ()
    return Process(found["id"], origins, found["status"], tuple(shlex.split(found["command"])), stays)
