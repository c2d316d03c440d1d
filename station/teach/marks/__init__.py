"""Marked defects: pictures of bad parts with painted masks, boxes or outlines."""

from station.teach.marks.painted import GuessedMask, PaintedMask
from station.teach.marks.read import PLAIN_REASON, Marked, find_marks, read_marks

__all__ = ["PLAIN_REASON", "GuessedMask", "Marked", "PaintedMask", "find_marks", "read_marks"]
