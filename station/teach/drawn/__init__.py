"""Defects drawn into a user's own good pictures, to try choices before a real one is seen."""

from station.teach.drawn.defect import Drawn, draw_defect
from station.teach.drawn.kinds import KINDS
from station.teach.drawn.place import Places, find_places
from station.teach.drawn.visible import is_visible

__all__ = ["KINDS", "Drawn", "Places", "draw_defect", "find_places", "is_visible"]
