"""The inspection station."""

import os

# ONNX Runtime 1.32 reports its use to its maker unless told not to before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__version__ = "0.1.0"
