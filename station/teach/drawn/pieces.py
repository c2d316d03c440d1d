"""Defects that put one thing in place of another: pasted, missing, chipped, foreign, deformed."""

import cv2
import numpy as np

from station.core.frame import Image
from station.teach.drawn.shapes import blob, mottle, shard
from station.teach.drawn.spot import Mask, Pixels, Spot, blur, mix, shifted


def cut_paste(spot: Spot, rng: np.random.Generator) -> Pixels:
    """A piece of the same picture from elsewhere, turned, in the wrong place."""
    angle = float(rng.choice([0.0, 90.0, 180.0, rng.uniform(0, 360)]))
    piece = _piece(spot.picture, spot, rng, angle, float(rng.uniform(0.8, 1.25)))
    return mix(spot.window, piece, _outline(spot, rng))


def foreign(spot: Spot, rng: np.random.Generator) -> Pixels:
    """Material of another picture lies on the part, more or less opaque, some with a shadow."""
    picture = spot.picture if spot.donor is None else spot.donor
    piece = _piece(picture, spot, rng, rng.uniform(0, 360), float(rng.uniform(0.4, 1.6)))
    tone = spot.window.mean(axis=(0, 1)) - piece.mean(axis=(0, 1))
    push = spot.lighter_or_darker(rng) * spot.strength * spot.tint(rng)
    piece = piece + np.float32(0.7) * tone.astype(np.float32) + push
    alpha = _outline(spot, rng)
    below = spot.window
    if rng.random() < 0.4:
        below = below - 30 * np.roll(blur(alpha, 1.5), (2, 2), (0, 1))[:, :, None]
    return mix(np.asarray(below, np.float32), piece, alpha * np.float32(rng.uniform(0.6, 1.0)))


def missing(spot: Spot, rng: np.random.Generator) -> Pixels:
    """What was there is gone: the area is filled smoothly from its surroundings."""
    hole = _outline(spot, rng)
    known = np.ascontiguousarray(1 - (hole > 0.02), dtype=np.float32)
    filling = _from_around(spot.window, known, spot.size_px)
    fine = spot.window - blur(spot.window, 1.5)
    grain = np.float32(np.median(np.abs(fine)) * 1.48)
    noise = rng.standard_normal(spot.shape, dtype=np.float32)[:, :, None] * grain
    return mix(spot.window, filling + noise, hole)


def chip(spot: Spot, rng: np.random.Generator) -> Pixels:
    """A bite out of an edge: what lies beyond the edge comes in, with a lit line of fracture."""
    grey = blur(spot.grey(), max(1.0, spot.size_px / 8))
    across = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    x, y = _strongest(across, spot)
    direction = np.array((across[0][y, x], across[1][y, x]), np.float64)
    direction *= rng.choice([-1, 1]) / (np.linalg.norm(direction) + 1e-6)
    at_edge = np.array((x - spot.x, y - spot.y))
    alpha = _moved(shard(spot, rng) if rng.random() < 0.7 else blob(spot, rng), at_edge)
    beyond_x, beyond_y = direction * spot.size_px
    matrix = np.array(((1, 0, beyond_x), (0, 1, beyond_y)), np.float64)
    bitten = mix(spot.window, shifted(spot.window, matrix, spot.shape), alpha)
    rim = 4 * alpha * (1 - alpha)
    lit = spot.lighter_or_darker(rng, 0.7) * 0.5 * spot.strength
    return np.asarray(bitten + np.float32(lit) * rim[:, :, None], np.float32)


def finish(spot: Spot, rng: np.random.Generator) -> Pixels:
    """The surface is smeared, polished or roughened over an area; its mean tone stays."""
    area = blob(spot, rng, soft_px=max(1.0, 0.06 * spot.size_px))
    smooth = blur(spot.window, float(rng.uniform(1.5, max(2.0, spot.size_px / 12))))
    way = rng.integers(3)
    if way == 0:
        return mix(spot.window, smooth, area)
    if way == 1:
        return mix(spot.window, smooth + (spot.window - smooth) * np.float32(2.5), area)
    grain = mottle(spot.shape, rng, float(rng.uniform(1.0, 3.5))) - np.float32(0.5)
    rough = spot.window + np.float32(1.3 * spot.strength) * grain[:, :, None]
    return mix(spot.window, np.asarray(rough, np.float32), area)


def deformation(spot: Spot, rng: np.random.Generator) -> Pixels:
    """The structure is pushed aside around one point: a bent pin, a swollen print."""
    rows, columns = spot.shape
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    away2 = (x - np.float32(spot.x)) ** 2 + (y - np.float32(spot.y)) ** 2
    bell = np.exp(-away2 / np.float32(2 * (spot.size_px / 4.5) ** 2))
    turn = rng.uniform(0, 2 * np.pi)
    push = np.float32(max(2.0, spot.size_px * rng.uniform(0.12, 0.28)))
    bent = cv2.remap(
        spot.window,
        x + push * np.float32(np.cos(turn)) * bell,
        y + push * np.float32(np.sin(turn)) * bell,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(bent, np.float32).reshape(spot.window.shape)


def _outline(spot: Spot, rng: np.random.Generator) -> Mask:
    return blob(spot, rng) if rng.random() < 0.6 else shard(spot, rng)


def _piece(
    picture: Image, spot: Spot, rng: np.random.Generator, angle_deg: float, scale: float
) -> Pixels:
    """A window's worth of a picture from anywhere in it, turned and scaled."""
    rows, columns = spot.shape
    height, width = picture.shape[:2]
    margin = min(0.5 * spot.size_px, 0.45 * min(height, width))
    from_x, from_y = (rng.uniform(margin, side - margin) for side in (width, height))
    reach = min(2 * max(rows, columns), max(height, width))
    left, top = max(0, int(from_x) - reach), max(0, int(from_y) - reach)
    source = picture[top : top + 2 * reach, left : left + 2 * reach].astype(np.float32)
    matrix = cv2.getRotationMatrix2D((spot.x, spot.y), angle_deg, scale)
    matrix[:, 2] += (from_x - left - spot.x, from_y - top - spot.y)
    piece = shifted(source, np.asarray(matrix, np.float64), spot.shape)
    channels = spot.window.shape[2]
    if piece.shape[2] == channels:
        return piece
    plain = piece.mean(axis=2, keepdims=True)
    return np.asarray(np.repeat(plain, channels, axis=2), np.float32)


def _from_around(window: Pixels, known: Mask, size_px: float) -> Pixels:
    """The known pixels spread over the unknown ones: near ones first, then ever farther ones."""
    filling = np.zeros_like(window)
    trust = np.zeros(known.shape, np.float32)
    for sigma_px in (size_px / 12 + 0.5, size_px / 4 + 1, size_px):
        weight = blur(known, sigma_px)
        seen = blur(window * known[:, :, None], sigma_px) / (weight + 1e-4)[:, :, None]
        share = (1 - trust) * np.minimum(1, weight * 4)
        filling += seen * share[:, :, None]
        trust += share
    return np.asarray(filling / (trust + 1e-4)[:, :, None], np.float32)


def _strongest(across: tuple[np.ndarray, np.ndarray], spot: Spot) -> tuple[int, int]:
    steep = np.hypot(*across)
    rows, columns = spot.shape
    inner = np.zeros_like(steep)
    edge = min(6, rows // 4, columns // 4)
    inner[edge : rows - edge, edge : columns - edge] = 1
    y, x = np.unravel_index(int(np.argmax(steep * inner)), steep.shape)
    return int(x), int(y)


def _moved(mask: Mask, by: np.ndarray) -> Mask:
    matrix = np.array(((1, 0, by[0]), (0, 1, by[1])), np.float64)
    return np.asarray(cv2.warpAffine(mask, matrix, mask.shape[::-1]), np.float32)
