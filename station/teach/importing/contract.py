"""Every way a picture could be meant to go into a model, less what is known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from pydantic import ValidationError

from station.core.errors import ModelError
from station.core.plugin import explain
from station.teach.importing.graph import Graph
from station.teach.importing.leading import (
    CAFFE_MEAN,
    IMAGENET_MEAN,
    IMAGENET_STD,
    find_leading,
)
from station.teach.importing.wishes import CHOICES, Wishes, numbers_of
from station.vision.card import ModelInput

SAID = "as you said"

_Affine = tuple[float, tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read the input: the contract, and the choices that make it differ from others."""

    input: ModelInput
    told: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something known of the contract, and how it is known."""

    value: str
    because: str


def find_facts(graph: Graph, channels: int, wishes: Wishes) -> dict[str, Fact]:
    """What is known of channel order, range and fit: said, noted in the file, or built into it.

    Raises:
        ModelError: a normalisation is said for a model that takes bytes.
    """
    facts: dict[str, Fact] = {}
    _refuse_normalised_bytes(graph, wishes)
    if channels == 1:
        facts["channel_order"] = Fact("GRAY", "the model takes one channel")
    if graph.dtype == "uint8":
        facts["range"] = Fact("in_graph", "the model takes bytes")
    leading = find_leading(graph.proto, graph.entry)
    if leading and graph.dtype != "uint8":
        facts["range"] = Fact(leading.range, leading.because)
    if leading and leading.order and channels == 3:
        facts["channel_order"] = Fact(leading.order, leading.because)
    if graph.is_ultralytics:
        facts |= _ultralytics(graph)
    elif graph.is_anomalib and leading and leading.range == "unit":
        facts["fit"] = Fact("stretch", "anomalib stretches pictures")
    for key in ("channel_order", "range", "fit"):
        if key in wishes.settings:
            facts[key] = Fact(wishes.settings[key], SAID)
    if {"scale", "mean", "std"} & set(wishes.settings):
        facts["range"] = Fact("custom", SAID)
    return facts


def readings(
    graph: Graph,
    shape: Sequence[int],
    layout: str,
    facts: Mapping[str, Fact],
    wishes: Wishes,
) -> list[Reading]:
    """Every contract the facts leave open, the likeliest first.

    Raises:
        ModelError: what was said contradicts itself.
    """
    choices = {
        key: (facts[key].value,) if key in facts else CHOICES[key]
        for key in ("channel_order", "range", "fit")
    }
    if choices["channel_order"] == ("GRAY",) and "range" not in facts:
        choices["range"] = ("unit", "byte", "signed")
    channels, height, width = shape[1:] if layout == "NCHW" else (shape[3], shape[1], shape[2])
    found = []
    for order, span, fit in product(*choices.values()):
        fields = {
            "name": graph.entry, "width": width, "height": height, "channels": channels,
            "channel_order": order, "layout": layout, "dtype": graph.dtype, "fit": fit,
            **_numbers(span, order, wishes),
        }  # fmt: skip
        told = {"channel_order": order, "range": span, "fit": fit}
        try:
            found.append(Reading(ModelInput.model_validate(fields), told))
        except ValidationError as error:
            raise ModelError(f"contract: {explain(error, ModelInput)}") from None
    return found


def open_questions(told: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """The choices in which contracts differ, with what each could be."""
    for key in told[0]:
        values = list(dict.fromkeys(choice[key] for choice in told))
        if len(values) > 1:
            yield key, values


def _refuse_normalised_bytes(graph: Graph, wishes: Wishes) -> None:
    said = sorted({"scale", "mean", "std"} & set(wishes.settings))
    if wishes.settings.get("range", "byte") != "byte":
        said.append("range")
    if graph.dtype == "uint8" and said:
        raise ModelError(
            f"model {graph.file} takes bytes as they are, so that {', '.join(said)} cannot be set; "
            "leave it out"
        )


def _ultralytics(graph: Graph) -> dict[str, Fact]:
    noted = "the file's metadata is that of an Ultralytics export"
    facts = {"channel_order": Fact("RGB", noted), "range": Fact("unit", noted)}
    if graph.metadata.get("task") != "classify":  # those are cut to the middle, which is no fit
        is_stretched = graph.metadata.get("head") == "RTDETRDecoder"
        facts["fit"] = Fact("stretch" if is_stretched else "letterbox", noted)
    return facts


def _numbers(span: str, order: str, wishes: Wishes) -> dict[str, Any]:
    """Scale, mean and std of a range, in the order of the channels."""
    if span == "in_graph":
        return {}
    turn = slice(None, None, -1) if order == "BGR" else slice(None)
    spans: dict[str, _Affine] = {
        "unit": (1 / 255, (), ()),
        "byte": (1.0, (), ()),
        "signed": (1 / 127.5, (1.0,), (1.0,)),
        "imagenet": (1 / 255, IMAGENET_MEAN[turn], IMAGENET_STD[turn]),
        "caffe": (1.0, CAFFE_MEAN[::-1][turn], (1.0,)),
    }
    scale, mean, std = spans.get(span) or (
        (numbers_of(wishes.settings, "scale") or (1.0,))[0],
        numbers_of(wishes.settings, "mean"),
        numbers_of(wishes.settings, "std"),
    )
    return {"normalisation": "outside", "scale": scale, "mean": mean, "std": std}
