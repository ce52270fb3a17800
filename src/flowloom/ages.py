"""Durations and times as people read them."""

from __future__ import annotations

import time


def age(seconds: float) -> str:
    """Return a duration as `42s`, `4m59s`, `2h03m` or `3d`; none is negative, where a clock was set back."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d"


def moment(at: float) -> str:
    """Return a time of day as it is written in a listing; the date too where it is not today's."""
    there, today = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if there[:3] == today[:3] else "%Y-%m-%d %H:%M:%S", there)
