"""One file a kind of place frames come from."""
