"""One file a kind of look at the image."""
