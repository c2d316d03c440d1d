"""Which family a model is of, told from names, notes and shapes of its outputs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from station.core.errors import ModelError
from station.teach.importing.box_rows import find_layout
from station.teach.importing.graph import Graph, last_operator
from station.teach.importing.probe import Probe
from station.teach.importing.wishes import Wishes, ask
from station.vision.card import Holds, ModelOutput
from station.vision.layout import BoxLayout

Task = Literal["classify", "anomaly", "detect", "segment"]

_NOTED: dict[str, Task] = {"classify": "classify", "detect": "detect", "segment": "segment"}
_SCORES = ("pred_score", "score", "anomaly_score", "pred_scores")
_MAPS = ("anomaly_map", "heat_map", "heatmap", "anomaly_maps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What a model is for, and how its answers are read."""

    task: Task
    outputs: tuple[ModelOutput, ...]
    boxes: BoxLayout | None = None
    because: str


def find_family(
    graph: Graph, seen: Probe, classes: Sequence[str], input_px: tuple[int, int], wishes: Wishes
) -> Family:
    """The family of a model.

    Args:
        classes: their names, as far as known; empty where neither the file nor the user says.
        input_px: width and height of the model's input.

    Raises:
        ModelError: no family, or something that must be said first; says what.
    """
    task = _task(graph, seen, wishes)
    if task == "anomaly":
        return _anomaly(graph, seen)
    if task == "classify":
        return _classify(graph, seen, wishes)
    rows = [name for name in seen.shapes if _is_rows(seen, name, graph.whole_numbers)]
    if task == "detect" or rows:
        return _boxes(task, graph, seen, rows, classes, input_px, wishes)
    return _mask(graph, seen, classes, wishes)


def _task(graph: Graph, seen: Probe, wishes: Wishes) -> Task:
    wished = wishes.settings.get("task")
    if wished in ("classify", "anomaly", "detect", "segment"):
        return wished  # type: ignore[return-value]
    noted = graph.metadata.get("task")
    if graph.is_ultralytics and noted in _NOTED:
        return _NOTED[noted]
    if graph.is_ultralytics and noted:
        raise ModelError(f"the model is for {noted}; classify, detect and segment can be imported")
    if any(name in seen.shapes for name in (*_SCORES, *_MAPS)):
        return "anomaly"
    shapes = list(seen.shapes.values())
    if any(_is_rows(seen, name, graph.whole_numbers) for name in seen.shapes):
        return "segment" if any(len(shape) == 4 for shape in shapes) else "detect"
    if all(_numbers(shape) for shape in shapes):
        return "classify"
    if any(_is_map(shape) for shape in shapes):
        return "segment"
    return ask(
        f"outputs of the shapes {_told(seen)} fit no family (classifier, anomaly score and map, "
        "boxes, mask)",
        "--set task=… if one of them is of these",
    )


def _classify(graph: Graph, seen: Probe, wishes: Wishes) -> Family:
    fitting = {name: count for name, shape in seen.shapes.items() if (count := _numbers(shape))}
    wanted = len(wishes.classes or graph.names)
    if wanted and len(fitting) > 1:
        fitting = {name: count for name, count in fitting.items() if count == wanted}
    name = _chosen(fitting, wishes, seen)
    holds = _classifier_holds(graph, seen, name, wishes)
    output = ModelOutput(name=name, holds=holds, shape=seen.shapes[name])
    return Family(
        task="classify", outputs=(output,), because=f"{name} {list(output.shape)} holds {holds}"
    )


def _classifier_holds(graph: Graph, seen: Probe, name: str, wishes: Wishes) -> Holds:
    """Probabilities where they are ones by construction or in every answer; else logits."""
    if wishes.settings.get("holds"):
        return "logits" if wishes.settings["holds"] == "logits" else "probabilities"
    answers = seen.all_of(name).reshape(len(seen.answers), -1)
    last = last_operator(graph.proto, name)
    is_single = answers.shape[1] == 1
    within = bool(((answers >= -1e-6) & (answers <= 1 + 1e-6)).all())
    sums_to_one = bool(np.allclose(answers.sum(axis=1), 1, atol=1e-3))
    if (within and sums_to_one and not is_single) or (is_single and last == "Sigmoid"):
        return "probabilities"
    if last == "Sigmoid":
        raise ModelError(
            f"output {name} answers each of {answers.shape[1]} classes by itself (a sigmoid each); "
            "a verdict needs classes that exclude each other: export it with a softmax"
        )
    if not within:
        return "logits"
    return ask(
        f"output {name} stays between 0 and 1 without being a distribution",
        "--set holds=probabilities or holds=logits",
    )


def _anomaly(graph: Graph, seen: Probe) -> Family:
    shapes = seen.shapes
    score = next((name for name in _SCORES if name in shapes), None)
    heat = next((name for name in _MAPS if name in shapes), None)
    outputs = []
    if score and int(np.prod(shapes[score])) == 1:
        outputs.append(ModelOutput(name=score, holds="score", shape=shapes[score]))
    if heat and _is_map(shapes[heat]) and int(np.prod(shapes[heat][:-2])) == 1:
        outputs.append(ModelOutput(name=heat, holds="heat_map", shape=shapes[heat]))
    if not outputs:
        raise ModelError(
            f"outputs {_told(seen)} hold neither one score (called {' or '.join(_SCORES)}) nor one "
            f"map (called {' or '.join(_MAPS)}); export the model with these names"
        )
    told = " and ".join(f"{output.name} {list(output.shape)}" for output in outputs)
    whose = "anomalib's" if graph.is_anomalib else "an anomaly model's"
    return Family(task="anomaly", outputs=tuple(outputs), because=f"{whose} {told}")


def _boxes(
    task: Task,
    graph: Graph,
    seen: Probe,
    rows: Sequence[str],
    classes: Sequence[str],
    input_px: tuple[int, int],
    wishes: Wishes,
) -> Family:
    if not classes:
        ask(
            f"the file does not say what its boxes ({_told(seen)}) are of",
            "--classes a,b,c in the order it was trained with",
        )
    name = _chosen(dict.fromkeys(rows, 0), wishes, seen)
    planes = next((n for n, shape in seen.shapes.items() if len(shape) == 4), None)
    is_masked = task == "segment" and planes is not None
    coefficients = seen.shapes[planes][1] if is_masked and planes else 0
    layout = find_layout(
        seen.all_of(name)[:, 0], len(classes), coefficients, input_px,
        unit=wishes.settings.get("unit", ""),
        usual_unit="pixels" if graph.is_ultralytics else "",
    )  # fmt: skip
    outputs = [ModelOutput(name=name, holds="boxes", shape=seen.shapes[name])]
    if is_masked and planes:
        outputs.append(ModelOutput(name=planes, holds="prototypes", shape=seen.shapes[planes]))
    style = f"{name} {list(outputs[0].shape)}: boxes along {layout.boxes_along}"
    if layout.classes == "index":
        style += "; the file itself leaves out what is weak, so that no limit can bring it back"
    return Family(task=task, outputs=tuple(outputs), boxes=layout, because=style)


def _mask(graph: Graph, seen: Probe, classes: Sequence[str], wishes: Wishes) -> Family:
    maps = {name: 0 for name, shape in seen.shapes.items() if _is_map(shape)}
    name = _chosen(maps, wishes, seen)
    shape = seen.shapes[name]
    if len(shape) == 3 or (1 in (shape[1], shape[3]) and len(classes) > 1):
        return _class_map(seen, name)
    layout: Literal["NCHW", "NHWC"] = "NHWC" if shape[3] < min(shape[1:3]) else "NCHW"
    answers = seen.all_of(name)[:, 0]
    planes = np.moveaxis(answers, -1, 1) if layout == "NHWC" else answers
    within = planes.min() >= -1e-6 and planes.max() <= 1 + 1e-6
    is_distribution = within and np.allclose(planes.sum(axis=1), 1, atol=1e-3)
    is_sigmoid = within and last_operator(graph.proto, name) in ("Sigmoid", "HardSigmoid")
    if within and not is_distribution and not is_sigmoid and "holds" not in wishes.settings:
        ask(f"mask {name} stays between 0 and 1, yet is no softmax or sigmoid", "--set holds=…")
    wished = wishes.settings.get("holds", "probabilities" if within else "logits")
    holds: Holds = "mask_logits" if wished == "logits" else "mask_probabilities"
    output = ModelOutput(name=name, holds=holds, shape=shape, layout=layout)
    return Family(task="segment", outputs=(output,), because=f"{name} {list(shape)} is a mask")


def _class_map(seen: Probe, name: str) -> Family:
    answers = seen.all_of(name)
    if not np.array_equal(answers, np.round(answers)) or answers.min() < 0:
        raise ModelError(f"output {name} {list(seen.shapes[name])} holds no class in every place")
    output = ModelOutput(name=name, holds="class_map", shape=seen.shapes[name])
    return Family(task="segment", outputs=(output,), because=f"{name} is a map of classes")


def _chosen(fitting: dict[str, int], wishes: Wishes, seen: Probe) -> str:
    wished = wishes.settings.get("output")
    if wished and wished not in seen.shapes:
        raise ModelError(f"there is no output {wished!r} (there is: {', '.join(seen.shapes)})")
    if wished:
        return wished
    if not fitting:
        raise ModelError(f"no output fits the family; there is {_told(seen)}")
    if len(fitting) > 1:
        ask(f"several outputs could count ({', '.join(fitting)})", "--set output=NAME")
    return next(iter(fitting))


def _numbers(shape: tuple[int, ...]) -> int:
    """How many numbers an output of a classifier holds; 0 where it is no such output."""
    count = int(np.prod(shape))
    return count if count and count == max((*shape, 1)) and len(shape) in (1, 2, 4) else 0


def _is_map(shape: tuple[int, ...]) -> bool:
    return len(shape) in (3, 4) and sorted(shape)[-2] > 1


def _is_rows(seen: Probe, name: str, whole_numbers: Collection[str]) -> bool:
    """Whether an output (1, a, b) may be boxes, and is no map of classes (1, height, width)."""
    shape = seen.shapes[name]
    if len(shape) != 3 or shape[0] != 1:
        return False
    small, large = sorted(shape[1:])
    return small >= 5 and large > small and name not in whole_numbers


def _told(seen: Probe) -> str:
    return ", ".join(f"{name} {list(shape)}" for name, shape in seen.shapes.items())
