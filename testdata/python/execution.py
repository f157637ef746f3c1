"""Execution control of a slave (220): the check, the launch, and how a process ended (telegram/SPEC.md, section 6.2).

A run has a shell as its parent, which outlives the slave: it holds the lock on ID.lock as its standard input for as long as the
process runs, and writes the exit status into ID.exit afterwards. So a slave that starts again knows what runs, and how the
rest ended. The shell gets the command as arguments and interprets nothing.
"""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
from pathlib import Path
from typing import Coroutine, Mapping, Optional, Set, Tuple

from definition import Process
from delivery import Delivery, Result
from memory import Memory, Run
from telegram import TEXT, XR, Control

MOST_RUNS = 64
UP = 0.2  # seconds that a process that stays has run when it is up
LOOK = 0.02  # seconds between two looks at whether a process runs
KILL = 5  # seconds between TERM and KILL at the timeout
TIMED_OUT, NOT_STARTED = 124, (126, 127)  # exit statuses of timeout(1)

_PARENT = '"$@" </dev/null >/dev/null 2>&1; echo $? >"$0.new"; mv "$0.new" "$0"'

Verdict = Tuple[Control, str]


class ExecutionControl:
    """Launches processes, each once at a time, and adds a result for each order and each end."""

    def __init__(
        self, host: str, processes: Mapping[str, Process], timeout: int, directory: Path, memory: Memory, delivery: Delivery
    ) -> None:
        self.host, self.processes, self.timeout, self.directory = host, processes, timeout, directory
        self.memory, self.delivery = memory, delivery
        self._following: Set[asyncio.Task] = set()  # the loop alone does not keep them

    def resume(self) -> None:
        """Takes up the runs that were in progress when the slave ended."""
        for run in self.memory.runs.values():
            self._follow(self._report_end(run) if run.up else self._report(run, claimed=False))

    async def order(self, process: str, monitoring: bool) -> Result:
        """Carries out an order; gives its answer when there is one."""
        verdict = self._check(process, monitoring)
        if verdict:
            return self._add(process, *verdict, claimed=True)
        # Nothing is awaited between the check and this, so that check and launch are one step.
        wanted = self.processes[process]
        run = self.memory.runs[process] = Run(process, self.memory.status if wanted.stays and wanted.status else None)
        try:
            for kind in ("exit", "lock"):  # of the last run; what stands here once the run is on disk is its own
                self._file(process, kind).unlink(missing_ok=True)
            self.memory.save()
            self._launch(wanted)
        except OSError as error:
            return self._finish(run, Control.FAILED, f"could not be started: {error.strerror}", claimed=True)
        return await self._report(run, claimed=True)

    def _check(self, process: str, monitoring: bool) -> Optional[Verdict]:
        if not monitoring:
            return Control.REFUSED, "monitoring has ended"
        if not self.memory.contact():
            return Control.REFUSED, "the contact file cannot be read"
        if process not in self.processes:
            return Control.REFUSED, "no such process"
        status, wanted = self.memory.status, self.processes[process]
        if process in self.memory.runs:
            return Control.ALREADY, "it runs"
        if wanted.status and wanted.status == status:
            return Control.ALREADY, f"{status} already"
        changing = [run for run in self.memory.runs if self._changes(run)]
        if wanted.status and changing:
            return Control.REFUSED, f"{changing[0]} is in progress"
        if wanted.origins and status not in wanted.origins:
            return Control.REFUSED, f"not from {status or 'the empty status'}"
        if len(self.memory.runs) >= MOST_RUNS:
            return Control.REFUSED, "too many processes run"
        return None

    def _changes(self, process: str) -> bool:
        return process not in self.processes or bool(self.processes[process].status)

    def _launch(self, process: Process) -> None:
        limit = () if process.stays else ("timeout", "-k", str(KILL), str(self.timeout))
        with open(self._file(process.id, "lock"), "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            subprocess.Popen(  # reaped by the next one: its end is told by the lock
                ["/bin/sh", "-c", _PARENT, str(self._file(process.id, "exit")), *limit, *process.command],
                stdin=held,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )

    async def _report(self, run: Run, claimed: bool) -> Result:
        """Waits until the process has ended, or is up, and adds the result."""
        process = self.processes.get(run.process)
        if process and process.stays:
            try:
                await asyncio.wait_for(self._end(run), UP)
            except asyncio.TimeoutError:
                run.up = True
                if process.status:
                    self.memory.status = process.status
                self._follow(self._report_end(run))
                return self._add(run.process, Control.LAUNCHED, "it is up", claimed)
        await self._end(run)
        status = self._exit_status(run)
        if status == 0 and process and process.status and not process.stays:
            self.memory.status = process.status
        return self._finish(run, Control.LAUNCHED if status == 0 else Control.FAILED, how(status), claimed)

    async def _report_end(self, run: Run) -> None:
        """Waits until a process that was up has ended, and adds the result."""
        await self._end(run)
        if run.after is not None:
            self.memory.status = run.after
        self._finish(run, Control.ENDED, how(self._exit_status(run)), claimed=False)

    async def _end(self, run: Run) -> None:
        while self._runs(run):
            await asyncio.sleep(LOOK)

    def _runs(self, run: Run) -> bool:
        try:
            with open(self._file(run.process, "lock")) as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def _exit_status(self, run: Run) -> Optional[int]:
        try:
            return int(self._file(run.process, "exit").read_text("ascii"))
        except FileNotFoundError:
            return None

    def _file(self, process: str, kind: str) -> Path:
        return self.directory / f"{process}.{kind}"

    def _finish(self, run: Run, control: Control, text: str, claimed: bool) -> Result:
        del self.memory.runs[run.process]
        return self._add(run.process, control, text, claimed)

    def _add(self, process: str, control: Control, text: str, claimed: bool) -> Result:
        response = XR(self.host, control, process, self.memory.status, TEXT.cut(text))
        return self.delivery.add(response, claimed)

    def _follow(self, report: Coroutine) -> None:
        task = asyncio.get_running_loop().create_task(report)
        self._following.add(task)
        task.add_done_callback(self._following.discard)


def how(status: Optional[int]) -> str:
    """How a process ended, in words."""
    if status is None:
        return "unknown: its parent was ended, or it never started"
    if status == TIMED_OUT:
        return "ended at its timeout"
    if status in NOT_STARTED:
        return "could not be started"
    return f"exit status {status}" if status else "ended normally"
