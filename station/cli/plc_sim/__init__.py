"""A simulated PLC with a virtual belt, for commissioning and for tests of the station."""

from station.cli.plc_sim.belt import FAULTS, BeltSettings, When, parse_fault
from station.cli.plc_sim.plc import SimulatedPlc
from station.cli.plc_sim.reconcile import Reconciled, StationLedger, reconcile
from station.cli.plc_sim.tally import Tally

__all__ = [
    "FAULTS",
    "BeltSettings",
    "Reconciled",
    "SimulatedPlc",
    "StationLedger",
    "Tally",
    "When",
    "parse_fault",
    "reconcile",
]
