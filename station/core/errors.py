"""One tree of errors: each says what went wrong, with which thing, and what to do about it.

StationError
├── SettingsError        station.toml or the settings of a plug-in (ValueError)
├── PluginError          a plug-in that cannot be imported or found (ImportError)
├── RecipeError          a recipe that cannot be used (ValueError)
├── ModelError           a model file or card that cannot be used (ValueError)
│   └── ModelOutputError     what a model answered cannot be a score (ArithmeticError)
├── PictureError         bytes that are not a whole, sane picture (ValueError)
│   └── IncompleteFrameError a frame of which the camera lost a part
├── OutsideImageError    a region that reaches outside the image (ValueError)
├── PartNotFoundError    a part that is not where one must be (LookupError)
│   └── PartAmbiguousError   more parts, or more places for one, than there may be
├── JobValueError        a value the recipe compares with, and the job did not give (LookupError)
├── AcquisitionError     a source that cannot be opened, or was lost (OSError)
│   └── NoFrameError         no frame came in time (TimeoutError)
├── TimeLimitError       a look that was ended because it took too long (TimeoutError)
├── InUseError           a folder or device another station holds (OSError)
├── StateError           a verb the station cannot follow in its present state (RuntimeError)
├── JournalError         a record that could not be kept or found (OSError)
├── DeliveryError        a result a sink could not hand on now (OSError)
│   └── DeliveryRefusedError one it never will: the receiver refuses just this result
├── TeachError           pictures nothing can be learned from (ValueError)
└── CalibrationError     pictures no calibration can rest on (ValueError)
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from station.core.frame import AnyFrame


class StationError(Exception):
    """Root of all errors the station raises on purpose."""


class SettingsError(StationError, ValueError):
    """A setting that is misspelt, missing or out of range."""


class PluginError(StationError, ImportError):
    """A plug-in that does not import, or a kind nobody provides."""


class RecipeError(StationError, ValueError):
    """A recipe that is broken, was changed by hand, or refers to what is not there."""


class ModelError(StationError, ValueError):
    """A model whose file and card do not agree, or that must not be loaded."""


class ModelOutputError(ModelError, ArithmeticError):
    """A model answered something that is no score: NaN, Inf, a wrong shape, no distribution."""


class PictureError(StationError, ValueError):
    """Bytes or a file that are not one whole picture of a supported kind.

    `frame` stands for what they came from, where a source keeps that until the part is answered.
    """

    def __init__(self, text: str = "", *, frame: "AnyFrame | None" = None) -> None:
        super().__init__(text)
        self.frame = frame


class IncompleteFrameError(PictureError):
    """A frame of which packets or lines are missing."""


class OutsideImageError(StationError, ValueError):
    """A region reaches outside the image, so that a part of it was never seen."""


class PartNotFoundError(StationError, LookupError):
    """Fewer parts were found in the image than there must be."""


class PartAmbiguousError(PartNotFoundError):
    """There are more parts than there may be, or the part could lie in more than one way."""


class JobValueError(StationError, LookupError):
    """A value the recipe compares with was neither given with the job nor read from the part."""


class AcquisitionError(StationError, OSError):
    """A source that cannot be opened or stopped giving frames."""


class NoFrameError(AcquisitionError, TimeoutError):
    """A source gave no frame within the time allowed."""


class TimeLimitError(StationError, TimeoutError):
    """A look that was ended because it took longer than any part may."""


class NoRoomError(StationError, MemoryError):
    """The system has no memory left of the kind that is needed."""


class InUseError(StationError, OSError):
    """A folder, file or device that another station is using."""


class StateError(StationError, RuntimeError):
    """A verb that does not fit the station's present state."""


class JournalError(StationError, OSError):
    """A record or picture that could not be written or read."""


class DamagedRecordError(StationError, ValueError):
    """A record that was stored whole and cannot be read any more."""


class DeliveryError(StationError, OSError):
    """A result that could not be handed on; it is tried again."""

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """The receiver asks not to be tried again earlier."""


class DeliveryRefusedError(DeliveryError):
    """A result the receiver will not take, whenever it is tried."""


class TeachError(StationError, ValueError):
    """Pictures from which nothing sound can be learned."""


class CalibrationError(StationError, ValueError):
    """Pictures from which a camera cannot be calibrated."""
