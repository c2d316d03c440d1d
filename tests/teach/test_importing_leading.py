"""What the first nodes of a graph give away of the picture they expect."""

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from station.teach.importing.leading import find_leading
from tests.graphs import model_of

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def leading(*steps: tuple[str, NDArray[np.float64]], turn: bool = False) -> tuple[str, str] | None:
    """Range and order of a graph that begins with such steps, in NHWC as Keras exports begin."""
    nodes, constants, name = [], {}, "input"
    if turn:
        nodes.append(helper.make_node("Transpose", ["input"], ["turned"], perm=[0, 3, 1, 2]))
        name = "turned"
    for place, (operator, value) in enumerate(steps):
        shape = (1, 3, 1, 1) if turn and value.size == 3 else (-1,)
        constants[f"c{place}"] = value.reshape(shape).astype(np.float32)
        nodes.append(helper.make_node(operator, [name, f"c{place}"], [f"s{place}"]))
        name = f"s{place}"
    nodes.append(helper.make_node("Relu", [name], ["output"]))
    sides: list[int | str] = [1, 3, 8, 8] if turn else [1, 8, 8, 3]
    model = model_of(
        nodes, ("input", TensorProto.FLOAT, [1, 8, 8, 3]), {"output": sides}, constants
    )
    found = find_leading(model, "input")
    return (found.range, found.order) if found else None


@pytest.mark.parametrize("turn", [False, True])
def test_known_normalisations(turn: bool) -> None:
    scale, one = np.array(1 / 255), np.array(1.0)
    assert leading(("Sub", MEAN), ("Div", STD), turn=turn) == ("unit", "RGB")
    assert leading(("Sub", MEAN[::-1]), ("Div", STD[::-1]), turn=turn) == ("unit", "BGR")
    both = (("Mul", scale), ("Sub", MEAN), ("Mul", 1 / STD))
    assert leading(*both, turn=turn) == ("byte", "RGB")
    assert leading(("Mul", scale), turn=turn) == ("byte", "")
    assert leading(("Div", np.array(127.5)), ("Sub", one), turn=turn) == ("byte", "")
    assert leading(("Add", np.array([-103.939, -116.779, -123.68])), turn=turn) == ("byte", "BGR")
    assert leading(("Mul", np.array(2.0)), ("Sub", one), turn=turn) == ("unit", "")


def test_what_is_no_known_normalisation_says_nothing() -> None:
    assert leading(("Mul", np.array(0.3))) is None
    assert leading() is None
