"""A classifier's numbers as probabilities of its classes."""

import math

from station.core.errors import ModelOutputError


def shares_of(numbers: list[float], classes: int, name: str, *, are_logits: bool) -> list[float]:
    """One share a class, 0 to 1, summing to 1.

    One number for two classes is that of the second: its probability, or its logit. Lists, not
    arrays: for a handful of numbers numpy costs more than the sums themselves.

    Raises:
        ModelOutputError: the numbers are no distribution over `classes` classes.
    """
    if len(numbers) == 1 and classes == 2:
        second = _sigmoid(numbers[0]) if are_logits else numbers[0]
        numbers, are_logits = [1 - second, second], False
    if len(numbers) != classes:
        raise ModelOutputError(
            f"model {name} answered {len(numbers)} numbers for {classes} classes"
        )
    if are_logits:
        numbers = _softmax(numbers)
    if not (min(numbers) >= -1e-4 and abs(sum(numbers) - 1) <= 1e-3):
        raise ModelOutputError(
            f"model {name} answered {[round(number, 4) for number in numbers]}, "
            "which are no probabilities"
        )
    return [min(max(number, 0.0), 1.0) for number in numbers]


def _softmax(logits: list[float]) -> list[float]:
    top = max(logits)
    exponents = [math.exp(logit - top) for logit in logits]
    total = sum(exponents)
    return [exponent / total for exponent in exponents]


def _sigmoid(logit: float) -> float:
    part = math.exp(-abs(logit))
    return 1 / (1 + part) if logit >= 0 else part / (1 + part)
