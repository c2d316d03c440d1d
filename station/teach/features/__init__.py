"""Frozen feature nets: found by name or file, cut at the strides that help, pooled to numbers."""

from station.teach.features.build import Block, FeatureGraph, build
from station.teach.features.net import FeatureNet, find_features

__all__ = ["Block", "FeatureGraph", "FeatureNet", "build", "find_features"]
