"""The one door: HTTP."""
