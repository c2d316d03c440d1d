"""Sizes from edges: calipers find them below a pixel, fits make features, features make values."""
