"""Status control of a slave (210): its phase, and the answer to each inquiry (telegram/SPEC.md, section 5.2)."""

from __future__ import annotations

from enum import Enum
from typing import Callable, Optional

from memory import Memory
from telegram import SQ, SR, Control
from transport import Drops


class Phase(Enum):
    """The phases of a slave; each but the first has the text of its STOPPED."""

    MONITORING = ""
    ENDED_BY_MANAGER = "the manager ended monitoring"
    ENDED_BY_OPERATOR = "the operator ended monitoring"
    SHUT_DOWN = "the slave shuts down"  # ended by the operator, with another text


class StatusControl:
    """Answers inquiries. It sends nothing itself; send gets what is sent unasked."""

    def __init__(self, host: str, memory: Memory, drops: Drops, send: Callable[[SR], None]) -> None:
        self.host, self.memory, self.drops, self.send = host, memory, drops, send
        self.phase = Phase.SHUT_DOWN

    def begin(self) -> None:
        """The start of the slave, or the operator's."""
        self._enter(Phase.MONITORING)
        self.send(self._response())

    def end(self, phase: Phase) -> None:
        """The end command of the operator, or the shutdown."""
        self._enter(phase)
        self.send(self._response())

    def answer(self, inquiry: SQ) -> Optional[SR]:
        """The answer to an inquiry, None where there is none. START and END change the phase."""
        if inquiry.host != self.host:
            self.drops.count("another host")
            return None
        if self.phase is Phase.ENDED_BY_MANAGER and inquiry.control == Control.CHECK:
            self.drops.count("not monitored")
            return None
        if self.phase is Phase.ENDED_BY_MANAGER and inquiry.control == Control.START:
            self._enter(Phase.MONITORING)
        elif self.phase is Phase.MONITORING and inquiry.control == Control.END:
            self._enter(Phase.ENDED_BY_MANAGER)
        return self._response()

    def _enter(self, phase: Phase) -> None:
        if phase is self.phase:
            return
        self.phase = phase
        if phase is Phase.MONITORING:
            self.memory.begin()
        else:
            self.memory.clear()

    def _response(self) -> SR:
        control = Control.STOPPED
        if self.phase is Phase.MONITORING:
            self.memory.running()
            control = Control.RUNNING
        return SR(self.host, control, self.memory.status, self.phase.value)
