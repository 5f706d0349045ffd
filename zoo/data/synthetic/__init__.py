"""Simulated people: their physiology, what a camera sees of it as traces or clips, and windows for training."""

from __future__ import annotations

from zoo.data.synthetic.circulation import Circulation, circulate
from zoo.data.synthetic.physiology import Person, draw_person
from zoo.data.synthetic.traces import Capture, draw_capture
from zoo.data.synthetic.windows import SyntheticWindows

__all__ = ["Capture", "Circulation", "Person", "SyntheticWindows", "circulate", "draw_capture", "draw_person"]
