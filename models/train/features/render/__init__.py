"""Products that exist nowhere: surfaces, parts, boards and prints, drawn by formulae."""

from models.train.features.render.defects import add_defect, shows
from models.train.features.render.photograph import Camera, draw_camera, photograph
from models.train.features.render.product import family_of, views

__all__ = [
    "Camera",
    "add_defect",
    "draw_camera",
    "family_of",
    "photograph",
    "shows",
    "views",
]
