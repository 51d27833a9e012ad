"""The cloud's clock, which need not agree with this machine's: what it says stands in every answer's Date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """This machine's clock, or one that is so far ahead of it (behind it, if negative)."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        """The time now, in UTC."""
        return datetime.now(UTC) + self.ahead

    def timestamp(self) -> str:
        """The time now as RFC 3339 with milliseconds."""
        return self.now().isoformat(timespec="milliseconds")
