"""A model that never ends is ended, and the next run is as good as the first."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from station.core.errors import TimeLimitError
from station.vision.model import open_session
from station.vision.run_limit import RunLimit, limited


def endless_graph(turns: int) -> bytes:
    """x (1,) float -> x + turns: a loop that adds one, so many times."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["going"], ["still_going"]),
            helper.make_node("Add", ["before", "one"], ["after"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, [1]),
        ],
        [
            helper.make_tensor_value_info("still_going", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, [1]),
        ],
        [numpy_helper.from_array(np.ones(1, np.float32), "one")],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["turns", "yes", "x"], ["y"], body=body)],
        "endless",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        [
            numpy_helper.from_array(np.array(turns, np.int64), "turns"),
            numpy_helper.from_array(np.array(True), "yes"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return bytes(model.SerializeToString())


def run(session: ort.InferenceSession) -> float:
    feed = {"x": np.zeros(1, np.float32)}
    answers = limited(lambda options: session.run(None, feed, options), "endless/1")
    return float(answers[0][0])


def test_an_endless_model_is_ended_and_others_go_on() -> None:
    limit = RunLimit(0.3)
    endless = open_session(endless_graph(2**62), "endless/1")
    short = open_session(endless_graph(3), "short/1")
    with limit.look(), pytest.raises(TimeLimitError, match="endless/1"):
        run(endless)
    with limit.look():
        assert run(short) == 3.0
    limit.close()
    assert run(short) == 3.0
