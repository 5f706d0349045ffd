"""Rendered faces of simulated people: looks, behaviour, light, camera and codec; `recordings.py` makes videos of them.

Nothing here imports torch or the face finder: numpy, scipy, OpenCV and PyAV are enough to render.
"""
