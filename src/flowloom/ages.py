"""Durations and times as people read them."""

from __future__ import annotations

import time


def age(seconds: int) -> str:
    """Return a duration in one or two units; none is negative, where a clock was set back."""
    seconds = max(0, seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def moment(at: float) -> str:
    """Return a time of day as it is written in a listing; the date too where it is not today's."""
    there, today = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if there[:3] == today[:3] else "%Y-%m-%d %H:%M:%S", there)
