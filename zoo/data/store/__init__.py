"""The prepared store: one HDF5 file a recording, whole or not there, made by known settings.

A store is a folder. In it stands a folder for each data set and settings, `<dataset>-<digest>`, with `settings.json`
and one file a recording, so that files of other settings cannot mix. A file holds, frame by frame, `times` (n,) s,
`found` (n,), `landmarks` (n, 5, 2) pixels, `traces` (n, regions, 3) float32 0..1 in one piece (a window of them is one
read at a known place), and where asked for `crop_steps` (n, S, S, 3): within each chunk the first crop as it is and of
the others the difference to the one before, modulo 256, which compresses well and loses nothing. Beside them
`signals/<name>/{times,values}` and `beats` (b,) s of the contact PPG, and as attributes the recording and how it was
read.
"""

from zoo.data.store.reading import facts_of, fault, listed, read
from zoo.data.store.settings import VERSION, Settings, find_folder, open_folder, read_settings, settings_for
from zoo.data.store.source import file_name
from zoo.data.store.writing import Writer, writing

__all__ = [
    "VERSION",
    "Settings",
    "Writer",
    "facts_of",
    "fault",
    "file_name",
    "find_folder",
    "listed",
    "open_folder",
    "read",
    "read_settings",
    "settings_for",
    "writing",
]
