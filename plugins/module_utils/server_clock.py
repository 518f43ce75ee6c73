# Copyright (c) 2026 the biztalk.fault_tolerance authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

"""The clock of a server: its local times as UTC, also across the days on which the clocks change.

Within this package a point in time is a ``datetime`` without a zone, and UTC; outside it is ISO 8601 text with ``Z``.
"""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta


def instant(text):
    """ISO 8601 with a zone as UTC without one."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def told(moment):
    """UTC as ISO 8601 text, to the second; None stays None."""
    return None if moment is None else moment.replace(microsecond=0).isoformat() + "Z"


class ServerClock:
    """*clock*, *local_clock*: now, as the server said both in one query. *samples*: ``(local text, minutes ahead of UTC)`` of other times.
    ``ahead``: minutes ahead of UTC now."""

    def __init__(self, clock, local_clock, samples=()):
        self.now, self.local_now = instant(clock), datetime.fromisoformat(local_clock)
        self.ahead = 15 * round((self.local_now - self.now) / timedelta(minutes=15))
        self._samples = sorted({(self.local_now, self.ahead), *((datetime.fromisoformat(local), minutes) for local, minutes in samples)})

    def utc(self, local, minutes=None):
        """A local time, text or datetime, as UTC; by *minutes* ahead of it, else by the sample that is nearest in time."""
        local = datetime.fromisoformat(local) if isinstance(local, str) else local
        return local - timedelta(minutes=self.minutes(local) if minutes is None else minutes)

    def minutes(self, local):
        """What the clock was ahead of UTC at a local time, by the sample that is nearest in time."""
        local = datetime.fromisoformat(local) if isinstance(local, str) else local
        at = bisect_left(self._samples, (local, 0))
        return min(self._samples[max(at - 1, 0):at + 1], key=lambda sample: abs(sample[0] - local))[1]

    def local(self, moment):
        """UTC as local time."""
        guess = moment + (self.local_now - self.now)
        return moment + (guess - self.utc(guess))
