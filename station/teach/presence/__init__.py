"""From pictures of complete parts to what each position looks like, and where that ends."""

from station.teach.presence.teach import PresenceLesson, TaughtPositions, teach_presence

__all__ = ["PresenceLesson", "TaughtPositions", "teach_presence"]
