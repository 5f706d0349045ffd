"""`zoo calibrate`: learn how far a model's heart rate may be trusted, from windows whose truth is known."""

from __future__ import annotations

from pathlib import Path

from zoo.commands._arguments import Parser
from zoo.commands._request import understand
from zoo.errors import UsageError


def main(command: str, arguments: list[str]) -> int:
    """Fit a calibrator on the windows that `zoo test` would score, good and hopeless alike.

    It goes into the checkpoint that was tested, its card or .ckpt, or into `--out FILE` as JSON. All other settings
    are those of `zoo test`.

    Raises:
        ZooError: what is wrong and what to do; names are checked before anything heavy is imported.
    """
    parser = Parser(prog=f"zoo {command}", add_help=False)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the calibrator here instead of into the card")
    parser.add_argument("--refuse", type=float, default=0.9, metavar="SHARE", help="of the wrong windows to refuse")
    parser.add_argument("--waveform", action="store_true", help="judge by the waveform alone, without the colours")
    own, rest = parser.parse_known_args(arguments)
    if not 0 < own.refuse < 1:
        raise UsageError(f"--refuse is a share between 0 and 1, such as 0.9, not {own.refuse:g}.")
    if own.out is not None and not own.out.resolve().parent.is_dir():
        raise UsageError(f"There is no folder '{own.out.parent}': make it first, or choose another --out.")
    request = understand(command, rest)

    from zoo.commands import _calibrate

    return _calibrate.run(request, own.out, own.refuse, own.waveform, ["zoo", command, *arguments])
