"""`station plc status`: the handshake bits, in words."""

import socket
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from station.cli.plc_sim.belt import BeltSettings
from station.cli.plc_sim.doors import HttpLanguage
from station.cli.plc_sim.tally import Bits
from station.cli.plc_sim.wires import BUFFER_BYTES
from station.core.errors import AcquisitionError
from station.core.plc_words import BIT_TEXTS
from station.line.settings import PlcSettings

TIMEOUT_S = 3.0


def status(
    host: Annotated[str, typer.Option(help="Where the station's PLC door is.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Of HTTP.")] = PlcSettings().port,
) -> None:
    """What the station tells a PLC now."""
    bits = _ask(host, port)
    table = Table("bit", "name", "now", "meaning")
    for bit, text in BIT_TEXTS.items():
        is_up = bool(bits.bits & bit.mask)
        now = "[bold green]1" if is_up else "[dim]0"
        table.add_row(str(int(bit)), bit.name.lower(), now, text)
    console = Console()
    console.print(table)
    console.print(
        f"{bits.held} results to acknowledge (oldest sequence {bits.seq}), recipe {bits.recipe}, "
        f"heartbeat {bits.beat}"
    )


def _ask(host: str, port: int) -> Bits:
    language = HttpLanguage(BeltSettings(host=host, port=port))
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT_S) as connection:
            connection.sendall(language.status())
            came = connection.recv(BUFFER_BYTES)
        return language.read_status(came)
    except OSError as error:
        raise AcquisitionError(
            f"no station answers at {host}:{port} ({error}); start it with `station run`"
        ) from error
    except ValueError as error:
        raise AcquisitionError(f"what answers at {host}:{port} is no PLC door: {error}") from error
