"""The station's states and which verb leads where (OPC 40100-1 VisionStateMachine)."""

from enum import StrEnum

from station.core.errors import StateError


class State(StrEnum):
    """What the station is doing."""

    PREOPERATIONAL = "preoperational"
    HALTED = "halted"
    ERROR = "error"
    INITIALIZED = "initialized"
    READY = "ready"
    SINGLE_EXECUTION = "single_execution"
    CONTINUOUS_EXECUTION = "continuous_execution"


class Verb(StrEnum):
    """What the station can be told."""

    START_SINGLE_JOB = "start_single_job"
    START_CONTINUOUS = "start_continuous"
    STOP = "stop"
    ABORT = "abort"
    HALT = "halt"
    RESET = "reset"


_OPERATIONAL = frozenset({State.READY, State.SINGLE_EXECUTION, State.CONTINUOUS_EXECUTION})
_ALLOWED: dict[Verb, frozenset[State]] = {
    Verb.START_SINGLE_JOB: _OPERATIONAL,
    Verb.START_CONTINUOUS: frozenset({State.READY, State.CONTINUOUS_EXECUTION}),
    Verb.STOP: _OPERATIONAL,
    Verb.ABORT: _OPERATIONAL | {State.ERROR},
    Verb.HALT: frozenset(State) - {State.HALTED},
    Verb.RESET: frozenset(State) - {State.PREOPERATIONAL},
}


def allowed_verbs(state: State) -> list[Verb]:
    """What can be told in a state."""
    return [verb for verb in Verb if state in _ALLOWED[verb]]


def check_verb(verb: Verb, state: State) -> None:
    """Let a verb through if it fits the state.

    Raises:
        StateError: it does not; says in which states it would.
    """
    if state not in _ALLOWED[verb]:
        fitting = ", ".join(sorted(_ALLOWED[verb]))
        raise StateError(f"cannot {verb} while {state}; possible when {fitting}")
