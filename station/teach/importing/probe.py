"""What a model really answers: every output, on odd pictures, whatever the contract may be."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from station.core.errors import ModelError
from station.core.frame import Image
from station.vision.card import ModelInput
from station.vision.model import to_tensor

Answers = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Probe:
    """The answers to all pictures tried; every output has the same shape in each."""

    answers: tuple[Answers, ...]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every output."""
        return {name: answer.shape for name, answer in self.answers[0].items()}

    def all_of(self, output: str) -> NDArray[np.float64]:
        """An output's answers to all pictures, stacked: (pictures, *shape)."""
        return np.stack([answers[output] for answers in self.answers])


def probe(
    session: ort.InferenceSession, contracts: Sequence[ModelInput], pictures: Iterable[Image] = ()
) -> Probe:
    """Show a model odd pictures, and some of the user's, under every contract in question.

    Raises:
        ModelError: it cannot run, or an output changes its shape from picture to picture.
    """
    names = [output.name for output in session.get_outputs()]
    shown = [*_odd_pictures(contracts[0]), *pictures]
    answers: list[Answers] = []
    for index, image in enumerate(shown):
        tensor = to_tensor(image, contracts[index % len(contracts)])
        answers.append(dict(zip(names, _run(session, contracts[0].name, tensor), strict=True)))
    shapes = [{name: answer.shape for name, answer in given.items()} for given in answers]
    for name in names:
        seen = {given[name] for given in shapes}
        if len(seen) > 1:
            raise ModelError(
                f"output {name} has shape {', '.join(map(str, sorted(seen)))} from picture to "
                "picture; export the model with outputs of one shape"
            )
    return Probe(tuple(answers))


def _run(session: ort.InferenceSession, entry: str, tensor: NDArray) -> list[NDArray[np.float64]]:  # type: ignore[type-arg]
    try:
        answers = session.run(None, {entry: tensor})
    except Exception as error:  # ONNX Runtime's errors have no common base
        raise ModelError(f"the model cannot run: {str(error)[:300]}") from error
    return [np.asarray(answer, np.float64) for answer in answers]


def _odd_pictures(contract: ModelInput) -> Iterator[Image]:
    height, width = contract.height, contract.width
    random = np.random.default_rng(0)
    ramp = np.linspace(0, 255, width).astype(np.uint8)
    yield np.full((height, width, 3), 90, np.uint8)
    for _ in range(3):
        yield random.integers(0, 256, (height, width, 3), np.uint8)
    yield np.ascontiguousarray(np.broadcast_to(ramp[None, :, None], (height, width, 3)))
    for _ in range(3):
        coarse = random.integers(0, 256, (4, 4, 3), np.uint8)
        yield np.ascontiguousarray(
            coarse.repeat(-(-height // 4), 0).repeat(-(-width // 4), 1)[:height, :width]
        )
