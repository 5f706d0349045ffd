"""Results as JSON and CSV: nothing unknown is made up, names never clash."""

from __future__ import annotations

import csv
import io
import json

import numpy as np

from zoo.prediction.output import name_in, to_csv, to_json
from zoo.prediction.result import Biomarker, Estimate, OverTime, Quality, VideoResult


def result(**changes: object) -> VideoResult:
    nan = float("nan")
    return VideoResult(
        **{
            "video": "a,b.mp4",
            "model": "m",
            "heart_rate": Estimate(71.234, nan, nan, "spectrum", (0.7, 3.2), 20.0),
            "over_time": OverTime(*(np.array([one]) for one in (5.0, nan, nan, nan)), 10.0, 1.0, np.array([0.2])),
            "quality": Quality(nan, 0.5, 0.4),
            "notes": ('one "note"', "another"),
            "biomarkers": {"sex": Biomarker(0.25, "", True, "male"), "age": Biomarker(44.0, "years", False)},
            **changes,
        }
    )


def test_json_holds_null_for_what_is_not_known() -> None:
    (plain,) = json.loads(to_json([result()]), parse_constant=lambda name: 1 / 0)
    assert (plain["heart_rate"]["value"], plain["heart_rate"]["low"]) == (71.23, None)
    assert plain["heart_rate_over_time"]["values"] == [None]
    expected = {"snr": None, "snr_unit": "dB", "confidence": 0.5, "threshold": 0.4, "refused": False}
    assert plain["quality"] == expected
    assert plain["heart_rate_over_time"]["refused"] == [True]
    assert plain["respiration_rate"] is None
    assert plain["realtime_factor"] is None
    assert plain["biomarkers"]["sex"]["probability_of"] == "male"
    assert "note" not in plain["biomarkers"]["age"]


def test_csv_survives_commas_and_quotes() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([result(), VideoResult("c.mp4", "m", error='bad, "very"')]))))
    assert rows[0]["video"] == "a,b.mp4"
    assert rows[0]["notes"] == 'one "note"; another'
    assert rows[0]["age (years)"] == "44.0000"
    assert rows[0]["sex (probability of male, trained on simulated people: not medical)"] == "0.2500"
    assert (rows[1]["error"], rows[1]["heart_rate (1/min)"]) == ('bad, "very"', "")


def test_a_refused_rate_is_no_number_in_the_table_of_numbers() -> None:
    refused = result(quality=Quality(1.0, 0.3, 0.4), notes=("refused: 71.2 is a guess",))
    (row,) = csv.DictReader(io.StringIO(to_csv([refused])))
    assert (row["heart_rate (1/min)"], row["refused"], row["confidence"]) == ("", "yes", "0.300")
    (plain,) = json.loads(to_json([refused]))
    assert plain["quality"]["refused"] and plain["heart_rate"]["value"] == 71.23


def test_names_of_pictures_are_short_and_never_clash() -> None:
    assert name_in(["/x/clip.mp4"]) == ["clip"]
    assert name_in(["/x/s1/vid.mp4", "/x/s2/vid.mp4", "/x/other.avi"]) == ["s1_vid", "s2_vid", "other"]
    clashing = name_in(["a/clip.mp4", "a/clip.avi", "A/CLIP.mov", "../clip.mp4"])
    assert len({name.casefold() for name in clashing}) == 4
    assert not any("/" in name or name.startswith(".") for name in clashing)
