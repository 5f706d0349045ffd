"""EfficientPhys for rppg-zoo, as a package of its own."""

PLUGIN_API = 1
