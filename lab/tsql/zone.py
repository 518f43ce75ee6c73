"""Time zones: the server's own is W. Europe; a few others by the names that Windows gives them."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from lab.tsql.problem import SqlProblem


def to_local(instant):
    """An aware instant as the server's local time: UTC+1, in summer (EU rule) UTC+2."""
    instant = instant.astimezone(UTC)
    bare = instant.replace(tzinfo=None)
    summer = _last_sunday(bare.year, 3) <= bare < _last_sunday(bare.year, 10)
    return instant.astimezone(timezone(timedelta(hours=2 if summer else 1)))


def from_local(local):
    """Local time as an aware one with its offset; the doubled hour of October counts as winter."""
    summer = _last_sunday(local.year, 3) + timedelta(hours=1) <= local < _last_sunday(local.year, 10) + timedelta(hours=1)
    return local.replace(tzinfo=timezone(timedelta(hours=2 if summer else 1)))


def attach(local, name):
    """AT TIME ZONE of a time without a zone. Raises SqlProblem 9820."""
    return from_local(local) if _known(name) == "local" else local.replace(tzinfo=UTC)


def move(instant, name):
    """AT TIME ZONE of an instant."""
    return to_local(instant) if _known(name) == "local" else instant.astimezone(UTC)


def _known(name):
    zones = {"w. europe standard time": "local", "utc": "utc"}
    if name.casefold() not in zones:
        raise SqlProblem(9820, 16, 1, f"The time zone parameter '{name}' provided to AT TIME ZONE clause is invalid.")
    return zones[name.casefold()]


def _last_sunday(year, month):
    """One o'clock UTC of a month's last Sunday; March and October have 31 days."""
    last = datetime(year, month, 31, 1)
    return last - timedelta(days=(last.weekday() + 1) % 7)
