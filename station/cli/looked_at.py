"""What `station doctor` says of one thing it looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One thing looked at; `advice` says what to do where it is not fine."""

    what: str
    finding: str
    advice: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether nothing needs to be done."""
        return not self.advice
