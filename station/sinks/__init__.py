"""One file a kind of place results go to."""
