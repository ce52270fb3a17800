"""Signals as something to wait for, so that they never interrupt a step halfway."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


class CaughtSignals:
    """Record the given signals instead of acting on them; `fd` is readable once one came. One instance per process."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self.number = 0
        self.fd, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._fd_before = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        # A signal that is ignored stays ignored: under nohup, SIGHUP must not end anything.
        taken = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in taken}

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.number = number

    def came(self) -> bool:
        """Tell whether a signal came."""
        return self.number != 0

    def give_back(self) -> None:
        """Restore the previous handlers."""
        for number, before in self._before.items():
            signal.signal(number, before)
        signal.set_wakeup_fd(self._fd_before)
        os.close(self.fd)
        os.close(self._wake)
