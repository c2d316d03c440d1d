"""A trained net as one ONNX graph of any picture size, and its card."""

import copy
import io
from datetime import UTC, datetime
from hashlib import sha256

import onnx
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.train.features.net import COARSE, FINE, FUSED, MIDDLE, SPREAD, Net, Residual
from station.vision.card import ModelCard, ModelInput, ModelOutput

OPSET = 17
INPUT, EDGE_PX = "planes", 224
HEADS = {"fine": (FINE, 8), "coarse": (COARSE, 16), "fused": (FUSED, 8)}
"""Output -> its channels and its stride."""


def as_onnx(net: Net) -> bytes:
    """`planes` float32 [n, 3, H, W] BGR, (grey - 127.5) / 64 -> the maps named in HEADS."""
    file = io.BytesIO()
    torch.onnx.export(
        _Asked(net),
        (torch.zeros(1, 3, EDGE_PX, EDGE_PX),),
        file,
        input_names=[INPUT],
        output_names=list(HEADS),
        opset_version=OPSET,
        dynamo=False,
        dynamic_axes={
            name: {0: "n", 2: f"{name}_rows", 3: f"{name}_columns"} for name in (INPUT, *HEADS)
        },
    )
    model = onnx.load_model_from_string(file.getvalue())
    for place, node in enumerate(model.graph.node):
        node.name = node.name.strip("/").replace("/", ".") or f"node_{place}"
    model.producer_name, model.producer_version = "inspection-station", ""
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def card_of(name: str, model: bytes, facts: dict[str, str | int | float]) -> ModelCard:
    """The card of an exported net; `facts` say how it was made."""
    return ModelCard(
        name=name,
        version=1,
        task="features",
        description=(
            "Feature maps at stride 8 and 16 for surfaces and parts, and an embedding of length 1 "
            "at stride 8; any picture size that is a multiple of 16 px. Trained on pictures "
            "rendered by this project only."
        ),
        sha256=sha256(model).hexdigest(),
        input=ModelInput(
            name=INPUT,
            width=EDGE_PX,
            height=EDGE_PX,
            channel_order="BGR",
            layout="NCHW",
            dtype="float32",
            normalisation="outside",
            scale=1.0,
            mean=(MIDDLE,),
            std=(SPREAD,),
        ),
        outputs=tuple(
            ModelOutput(
                name=head,
                holds="features",
                shape=(1, channels, EDGE_PX // stride, EDGE_PX // stride),
            )
            for head, (channels, stride) in HEADS.items()
        ),
        training=facts,
        licence="Apache-2.0",
        created_at=datetime.now(UTC).replace(microsecond=0),
    )


class _Asked(nn.Module):
    """The net with batch norms folded into the convolutions."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = copy.deepcopy(net).eval()
        for module in list(self.net.modules()):
            if isinstance(module, Residual):
                _fold(module.first)
                _fold(module.second)
                if module.shortcut is not None:
                    _fold(module.shortcut)
        _fold(self.net.stem)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        maps = self.net(x)
        return tuple(getattr(maps, head) for head in HEADS)


def _fold(pair: nn.Sequential) -> None:
    pair[0] = fuse_conv_bn_eval(pair[0], pair[1])
    pair[1] = nn.Identity()
