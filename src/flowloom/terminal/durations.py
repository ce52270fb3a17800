"""Durations and times as people read them."""

from __future__ import annotations

import re
import time

UNITS_S = {"w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1}


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


def span(seconds: float) -> str:
    """Return a duration from a setting or an option, as `90s`, `5m` or `1h30m`: without the parts that are zero."""
    if seconds < 60 or seconds != int(seconds):
        return f"{seconds:g}s"
    text, rest = "", int(seconds)
    for unit, size_s in UNITS_S.items():
        number, rest = divmod(rest, size_s)
        text += f"{number}{unit}" if number else ""
    return text


def seconds(text: str) -> float | None:
    """Return the seconds that a duration such as `90s`, `5m`, `1h30m` or `2w` means; None where it is none."""
    if not re.fullmatch(r"(\d{1,6}[wdhms])+", text.strip()):
        return None
    return float(sum(int(number) * UNITS_S[unit] for number, unit in re.findall(r"(\d+)(.)", text)))


def moment(at: float) -> str:
    """Return a time of day as it is written in a listing; the date too where it is not today's."""
    there, today = time.localtime(at), time.localtime()
    return time.strftime("%H:%M:%S" if there[:3] == today[:3] else "%Y-%m-%d %H:%M:%S", there)
