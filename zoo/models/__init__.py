"""One file an architecture, its recipe beside it."""
