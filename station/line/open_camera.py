"""An open camera as the acquisition uses it."""

from station.core.frame import AnyFrame
from station.core.plugin import BufferedFeed, Feed, KeepingFeed, MonitoredFeed, TriggeredFeed
from station.line.tickets import Ticket


class OpenCamera:
    """An open feed; what it can do beyond giving frames is found out once, since that is slow."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.keeping = feed if isinstance(feed, KeepingFeed) else None
        self._triggered = feed if isinstance(feed, TriggeredFeed) else None
        self._buffered = feed if isinstance(feed, BufferedFeed) else None
        self._monitored = feed if isinstance(feed, MonitoredFeed) else None

    def expose(self) -> None:
        """Take a picture now, where the camera does that when it is told to.

        Raises:
            AcquisitionError: it is lost.
        """
        if self._triggered:
            self._triggered.trigger()

    def flush(self) -> None:
        """Throw away what a camera that runs by itself has kept."""
        if self._buffered:
            self._buffered.flush()

    def check(self) -> None:
        """Ask a camera of which nobody wants a frame just now whether it is still there.

        Raises:
            AcquisitionError: it is lost.
        """
        if self._monitored:
            self._monitored.check()

    def is_for(self, frame: AnyFrame, ticket: Ticket) -> bool:
        """Whether a frame that came after `expose` shows the part of this trigger."""
        return self._triggered is not None or is_after(frame, ticket)


def is_after(frame: AnyFrame, ticket: Ticket) -> bool:
    """Whether a free-running camera took the frame after the trigger."""
    if frame.acquired_s is not None:
        return frame.acquired_s >= ticket.job.triggered_s
    return frame.acquired_at >= ticket.job.triggered_at
