"""Drawn faces with a known pulse, that the face finder finds: material for every test that needs a video."""

from zoo.data.synthetic.videos import BACKGROUND, CLOCK, PULSE, SKIN, draw_face, face_frames, write_face_clip

__all__ = ["BACKGROUND", "CLOCK", "PULSE", "SKIN", "draw_face", "face_frames", "write_face_clip"]
