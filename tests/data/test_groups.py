"""Labels to report by: from a recording's groups and its targets, and from simulated people."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from zoo.data.groups import age_band, groups_of
from zoo.data.recording import Recording
from zoo.data.synthetic.windows import SyntheticWindows
from zoo.spec import Traces

NAN = float("nan")


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (0, "under 18"),
        (17.9, "under 18"),
        (18, "18-29"),
        (29.5, "18-29"),
        (45, "45-59"),
        (60, "60 and over"),
        (NAN, ""),
    ],
)
def test_age_bands(age: float, band: str) -> None:
    assert age_band(age) == band


def test_recordings() -> None:
    def recording(session: str, targets: dict[str, float], groups: dict[str, str]) -> SimpleNamespace:
        return SimpleNamespace(recording=Recording("d", "p", session, Path("v.mp4"), targets, groups=groups))

    windows = SimpleNamespace(
        recordings=[
            recording("1", {"sex": 1.0, "age": 31.0}, {"motion": "still"}),
            recording("2", {"sex": 0.0, "age": NAN}, {"motion": "talking", "sex": "woman"}),
        ]
    )
    assert groups_of([windows, []]) == {
        "motion": {"d/p/1": "still", "d/p/2": "talking"},
        "sex": {"d/p/1": "male", "d/p/2": "woman"},
        "age": {"d/p/1": "30-44"},
    }


def test_simulated_people_have_the_labels_of_their_windows() -> None:
    windows = SyntheticWindows(Traces(frames=64), people=3, windows_per_person=2, seed=5)
    groups = groups_of([windows])
    assert set(groups) == {"skin_tone", "sex", "age"}
    for i in range(len(windows)):
        sample = windows[i]
        assert groups["sex"][sample["recording"]] == ("male" if sample["targets"]["sex"] else "female")
        assert groups["age"][sample["recording"]] == age_band(sample["targets"]["age"])
        assert groups["skin_tone"][sample["recording"]] == str(windows.person(i // 2).skin_tone)
