"""The barcode benchmark: how it judges, and no wrong text where wrong texts are likeliest."""

from pathlib import Path

import numpy as np
import pytest

from station.core.plugin import Site
from station.core.result import Evaluation, Finding
from station.tools.read_code import ReadCode
from tests.benchmarks.tools.__main__ import DATA
from tests.benchmarks.tools.barcodes import SYMBOLOGIES, Sample, frame_of, judge, read_samples

LIKELIEST = {"upca-4", "ean13-4", "pdf417-2", "upce-2", "falsepositives-1"}


def sample(family: str, truth: str | bytes | None, *, name: str = "1") -> Sample:
    return Sample(f"{family}-2", family, name, np.zeros((4, 4), np.uint8), truth)


def finding(evaluation: Evaluation, **read: str) -> Finding:
    is_ok = evaluation is Evaluation.OK
    return Finding(
        tool="code", evaluation=evaluation, reason_code=None if is_ok else "code_wrong", read=read
    )


OK, NOT_OK, NOT_DECIDABLE = Evaluation.OK, Evaluation.NOT_OK, Evaluation.NOT_DECIDABLE


@pytest.mark.parametrize(
    ("shown", "findings", "verdict"),
    [
        (sample("qrcode", "A"), [finding(OK, text="A")], "exact"),
        (sample("qrcode", "A"), [finding(OK, text="B")], "wrong"),
        (sample("qrcode", b"\x01"), [finding(OK, hex="01")], "exact"),
        (sample("qrcode", b"\x01"), [finding(OK, hex="02")], "wrong"),
        (sample("qrcode", "A"), [finding(OK, text="A"), finding(OK, text="B")], "wrong"),
        (sample("qrcode", "A"), [finding(NOT_DECIDABLE)], "undecided"),
        (sample("qrcode", "A"), [finding(NOT_OK)], "unread"),
        (sample("falsepositives", None), [finding(NOT_OK)], "nothing"),
        (sample("falsepositives", None), [finding(OK, text="B")], "wrong"),
        (sample("multi", None), [finding(OK, text="B")], "untold"),
        (sample("ean13", "1", name="23"), [finding(OK, text="9784872348880")], "label_flaw"),
        (sample("ean13", "1", name="23"), [finding(OK, text="9784872348881")], "wrong"),
    ],
)
def test_judge(shown: Sample, findings: list[Finding], verdict: str) -> None:
    assert judge(shown, findings) == verdict


def test_nothing_is_read_wrong_where_it_is_likeliest() -> None:
    root = DATA / "barcodes"
    if not root.is_dir():
        pytest.skip(f"needs the photographed codes in {root}")
    wrong = []
    exact = 0
    for shown in read_samples(root, only=LIKELIEST):
        known = SYMBOLOGIES.get(shown.family)
        tool = ReadCode(name="code", symbologies=(known,) if known else ("ean13", "itf", "upc_e"))
        verdict = judge(shown, tool.prepare(Site(model_dirs=(Path(),))).run(frame_of(shown.image)))
        exact += verdict == "exact"
        if verdict == "wrong":
            wrong.append(f"{shown.folder}/{shown.name}")
    assert wrong == []
    assert exact >= 24
