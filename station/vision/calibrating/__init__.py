"""What a calibration is computed from: boards and cards found in pictures, and the fits."""
