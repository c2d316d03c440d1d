"""Finding a taught shape in an image: edges compared by direction, coarse to fine."""

from station.vision.locating.choice import Choice, Symmetry, choose
from station.vision.locating.finder import Finder, SearchRange, finder_of
from station.vision.locating.learning import learn_shape
from station.vision.locating.search import Match, find_shapes
from station.vision.locating.shape import Shape, shape_of
from station.vision.locating.symmetry import symmetry_of_view

__all__ = [
    "Choice",
    "Finder",
    "Match",
    "SearchRange",
    "Shape",
    "Symmetry",
    "choose",
    "find_shapes",
    "finder_of",
    "learn_shape",
    "shape_of",
    "symmetry_of_view",
]
