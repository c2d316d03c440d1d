"""What is set so that a PLC could not use the kit as it is written, and what to do about it."""

from collections.abc import Iterator
from ipaddress import ip_address

from station.line.fitting import misfit
from station.line.settings import StationSettings


def address_cautions(listens: str, given: str | None) -> Iterator[str]:
    """About the address in the files: `given`, or else the one the doors listen on."""
    written = given or listens
    if _is_every(written) or (given is None and _is_loopback(listens)):
        yield (
            f"a PLC cannot call {written}, the address in these files: write them again with "
            "--host ADDRESS, the station's address on the PLC's network; [plc] host in "
            'station.toml must be that address or "0.0.0.0", so that the doors listen there'
        )
    elif _is_loopback(listens) and not _is_loopback(written):
        yield (
            f"the doors listen on {listens} only, and no PLC reaches them: set [plc] host in "
            f'station.toml to "{written}" or "0.0.0.0"'
        )


def trigger_cautions(settings: StationSettings) -> Iterator[str]:
    """About parts that come beside those the PLC triggers."""
    mode = settings.line.trigger_mode
    if misfit("software", settings.source):
        yield (
            f"with a source of kind {settings.source.kind!r} each picture that comes is a part: "
            "the PLC must send no triggers"
        )
    elif mode != "software":
        yield (
            f'[line] trigger_mode is "{mode}": if the PLC sends triggers, set it to "software"; '
            "otherwise each frame of the camera is a part, too, and the counts of PLC and station "
            "never agree"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_every(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return not host
