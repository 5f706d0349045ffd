"""What a model's confidence is worth on good and on hopeless clips: the table of docs/confidence.md.

    python benchmarks/reencode.py --data ubfc_rppg PATH crf33 --crf 33
    python benchmarks/confidence.py --model fpn1d_multitask --model pos as-is=PATH crf33=crf33

Each row is one `zoo test --json`; nothing is fitted here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

COLUMNS = {
    "MAE": "mae",
    "≤ 3": "within_3",
    "MAE of surest 80 %": "mae_at_80",
    "60 %": "mae_at_60",
    "40 %": "mae_at_40",
    "refused of wrong": "refused_of_wrong",
    "kept of right": "kept_of_right",
    "MAE of kept": "kept_mae",
    "AURC": "aurc",
    "calibration error": "calibration_error",
    "waveform r": "ppg_r",
    "in the pulse's band": "ppg_band_r",
}
SHARES = ("within_3", "refused_of_wrong", "kept_of_right", "calibration_error")


def scores(model: str, data: str, root: str, more: list[str]) -> dict[str, Any]:
    """The heart rate's scores of one test run by their short names, the waveform's, and `windows`."""
    words = ["test", "--model", model, "--data", data, "--data.root", root, "--json", *more]
    done = subprocess.run([sys.executable, "-m", "zoo", *words], stdout=subprocess.PIPE, text=True, check=True)
    report = json.loads(done.stdout)
    found = {key.removeprefix("heart_rate_"): value for key, value in report["scores"].items()}
    return {**found, "windows": report["windows"]}


def cell(key: str, value: float | None) -> str:
    """A score as the table shows it; one that is not there (nothing was wrong, or nothing was kept) as a dash."""
    if value is None:
        return "–"
    return f"{100 * value:.0f} %" if key in SHARES else f"{value:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="+", metavar="NAME=PATH", help="what a row is called, and the data set's folder")
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--data", default="ubfc_rppg")
    args, more = parser.parse_known_args()
    print(f"| model | clips | windows | {' | '.join(COLUMNS)} |\n|---|---|---{'|---' * len(COLUMNS)}|")
    for model in args.model:
        for clips in args.clips:
            name, _, root = clips.partition("=")
            found = scores(model, args.data, root, more)
            cells = [cell(key, found.get(key)) for key in COLUMNS.values()]
            print(f"| {model} | {name} | {found['windows']} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
