"""An open camera as the acquisition uses it."""

from dataclasses import dataclass
from typing import Self

from station.core.plugin import BufferedFeed, Feed, KeepingFeed, MonitoredFeed, TriggeredFeed


@dataclass(frozen=True, slots=True)
class OpenCamera:
    """An open feed, and what it can do beyond giving frames: found out once, since that is slow."""

    feed: Feed
    triggered: TriggeredFeed | None
    buffered: BufferedFeed | None
    monitored: MonitoredFeed | None
    keeping: KeepingFeed | None

    @classmethod
    def of(cls, feed: Feed) -> Self:
        """A feed that was just opened."""
        return cls(
            feed,
            feed if isinstance(feed, TriggeredFeed) else None,
            feed if isinstance(feed, BufferedFeed) else None,
            feed if isinstance(feed, MonitoredFeed) else None,
            feed if isinstance(feed, KeepingFeed) else None,
        )
