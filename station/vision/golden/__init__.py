"""A golden template: what good parts look like pixel by pixel, and where a part differs from it."""
