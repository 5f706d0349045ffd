"""Whole networks as files that run without torch: export, and the running of what was exported."""
