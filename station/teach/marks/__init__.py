"""Marked defects: pictures of bad parts with painted masks, boxes or outlines."""

from station.teach.marks.read import Marked, read_marks

__all__ = ["Marked", "read_marks"]
