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
Guard = Literal["error_correction", "checksum", "weak"]

_F = zxingcpp.BarcodeFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One symbology: how ZXing calls it, and what guards its readings against errors."""

    formats: tuple[zxingcpp.BarcodeFormat, ...]
    guard: Guard
    """Error correction; a checksum over all of it; or at most one digit, weak."""
    minimum_length: int = 1
    """Shorter readings are taken for chance: bars of other codes, text, texture."""


KINDS: dict[Symbology, Kind] = {
    "data_matrix": Kind(formats=(_F.DataMatrix,), guard="error_correction"),
    "qr_code": Kind(formats=(_F.QRCode,), guard="error_correction"),
    "micro_qr_code": Kind(formats=(_F.MicroQRCode,), guard="error_correction"),
    "rmqr_code": Kind(formats=(_F.RMQRCode,), guard="error_correction"),
    "aztec": Kind(formats=(_F.Aztec,), guard="error_correction"),
    "maxicode": Kind(formats=(_F.MaxiCode,), guard="error_correction"),
    "pdf417": Kind(formats=(_F.PDF417,), guard="error_correction"),
    "micro_pdf417": Kind(formats=(_F.MicroPDF417,), guard="error_correction"),
    "code128": Kind(formats=(_F.Code128,), guard="checksum"),
    "code93": Kind(formats=(_F.Code93,), guard="checksum"),
    "databar": Kind(formats=(_F.DataBar,), guard="checksum"),
    "databar_limited": Kind(formats=(_F.DataBarLtd,), guard="checksum"),
    "databar_expanded": Kind(formats=(_F.DataBarExp, _F.DataBarExpStk), guard="checksum"),
    "ean13": Kind(formats=(_F.EAN13,), guard="weak"),
    "ean8": Kind(formats=(_F.EAN8,), guard="weak"),
    "upc_a": Kind(formats=(_F.UPCA,), guard="weak"),
    "upc_e": Kind(formats=(_F.UPCE,), guard="weak"),
    "itf": Kind(formats=(_F.ITF,), guard="weak", minimum_length=4),
    "code39": Kind(formats=(_F.Code39,), guard="weak", minimum_length=2),
    "codabar": Kind(formats=(_F.Codabar,), guard="weak", minimum_length=3),
    "telepen": Kind(formats=(_F.Telepen,), guard="weak", minimum_length=2),
    "dx_film_edge": Kind(formats=(_F.DXFilmEdge,), guard="weak"),
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
