"""Pictures in, model out."""
