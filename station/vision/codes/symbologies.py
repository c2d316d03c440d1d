"""The kinds of codes by the names recipes use, and how far one reading of each can be trusted."""

from dataclasses import dataclass
from typing import Literal

import zxingcpp

Symbology = Literal[
    "data_matrix", "qr_code", "micro_qr_code", "rmqr_code", "aztec", "maxicode",
    "pdf417", "micro_pdf417",
    "code128", "code93", "databar", "databar_limited", "databar_expanded",
    "ean13", "ean8", "upc_a", "upc_e", "itf", "code39", "codabar", "telepen", "dx_film_edge",
]  # fmt: skip
_F = zxingcpp.BarcodeFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One symbology: how ZXing calls it, and how well it guards its readings against errors."""

    formats: tuple[zxingcpp.BarcodeFormat, ...]
    agreement: int
    """How many looks must read the same before it counts."""
    is_linear: bool = False
    minimum_length: int = 1
    """Shorter readings are taken for chance: bars of other codes, text, texture."""


CORRECTED, CHECKED, WEAK = 1, 2, 3
"""Agreement for codes whose error correction says how much of it is left; for those with a checksum
over all of it; and for those with at most one check digit.

PDF417 is among the weak: of codes photographed aslant ZXing gives garbled texts as decoded."""

KINDS: dict[Symbology, Kind] = {
    "data_matrix": Kind(formats=(_F.DataMatrix,), agreement=CORRECTED),
    "qr_code": Kind(formats=(_F.QRCode,), agreement=CORRECTED),
    "micro_qr_code": Kind(formats=(_F.MicroQRCode,), agreement=CHECKED),
    "rmqr_code": Kind(formats=(_F.RMQRCode,), agreement=CORRECTED),
    "aztec": Kind(formats=(_F.Aztec,), agreement=CORRECTED),
    "maxicode": Kind(formats=(_F.MaxiCode,), agreement=CHECKED),
    "pdf417": Kind(formats=(_F.PDF417,), agreement=WEAK),
    "micro_pdf417": Kind(formats=(_F.MicroPDF417,), agreement=WEAK),
    "code128": Kind(formats=(_F.Code128,), agreement=CHECKED, is_linear=True),
    "code93": Kind(formats=(_F.Code93,), agreement=CHECKED, is_linear=True),
    "databar": Kind(formats=(_F.DataBar,), agreement=CHECKED, is_linear=True),
    "databar_limited": Kind(formats=(_F.DataBarLtd,), agreement=CHECKED, is_linear=True),
    "databar_expanded": Kind(
        formats=(_F.DataBarExp, _F.DataBarExpStk), agreement=CHECKED, is_linear=True
    ),
    "ean13": Kind(formats=(_F.EAN13,), agreement=WEAK, is_linear=True),
    "ean8": Kind(formats=(_F.EAN8,), agreement=WEAK, is_linear=True),
    "upc_a": Kind(formats=(_F.UPCA,), agreement=WEAK, is_linear=True),
    "upc_e": Kind(formats=(_F.UPCE,), agreement=WEAK, is_linear=True),
    "itf": Kind(formats=(_F.ITF,), agreement=WEAK, is_linear=True, minimum_length=4),
    "code39": Kind(formats=(_F.Code39,), agreement=WEAK, is_linear=True, minimum_length=2),
    "codabar": Kind(formats=(_F.Codabar,), agreement=WEAK, is_linear=True, minimum_length=3),
    "telepen": Kind(formats=(_F.Telepen,), agreement=WEAK, is_linear=True, minimum_length=2),
    "dx_film_edge": Kind(formats=(_F.DXFilmEdge,), agreement=WEAK, is_linear=True),
}


def formats_of(symbologies: tuple[Symbology, ...]) -> zxingcpp.BarcodeFormats:
    """What ZXing is asked to look for."""
    return zxingcpp.BarcodeFormats([found for name in symbologies for found in KINDS[name].formats])


def symbology_of(barcode: zxingcpp.Barcode, asked: tuple[Symbology, ...]) -> Symbology | None:
    """Which of those asked for it is; None where it is of a kind nobody asked for.

    ZXing looks for Micro QR codes too when asked for QR codes. What has no name of its own here,
    such as Code 32 within Code 39, goes by its family.
    """
    for sort in (barcode.format, barcode.symbology):
        for name, kind in KINDS.items():
            if sort in kind.formats:
                return name if name in asked else None
    return None
