"""The `zoo` command: finds the sub-command, imports it alone, and turns errors into one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from zoo.errors import UnknownName, UsageError, ZooError

INTERRUPTED = 130


@dataclass(frozen=True)
class Command:
    """A sub-command: its module and what it is for.

    The module offers `add_arguments(parser)` and `run(args) -> int`, or `main(command, arguments) -> int` where it
    reads its arguments itself.
    """

    module: str
    help: str


COMMANDS: dict[str, Command] = {
    "predict": Command("zoo.prediction.command", "heart rate, respiration and biomarkers of face videos"),
    "prepare": Command("zoo.commands.prepare", "read a data set's videos once, into a store"),
    "simulate": Command("zoo.commands.simulate", "a video data set of simulated people"),
    "fit": Command("zoo.commands.fit", "train a model, then test it"),
    "validate": Command("zoo.commands.fit", "score a model on the validation split"),
    "test": Command("zoo.commands.fit", "score a model on a data set's test split"),
    "calibrate": Command("zoo.commands.calibrate", "learn how far a model's heart rate may be trusted"),
    "evaluate": Command("zoo.evaluate", "score waveforms that any other program made"),
    "bench": Command("zoo.bench.command", "accuracy, cost and latency of every model side by side"),
    "export": Command("zoo.export.command", "write a model as a file that runs without torch"),
    "import": Command("zoo.commands.import_weights", "weights that other projects trained, as a checkpoint"),
    "explain": Command("zoo.explain.command", "where on the face a model's signal came from"),
    "list": Command("zoo.commands.list", "models, data sets and checkpoints"),
    "info": Command("zoo.commands.info", "all about one of them"),
    "plugins": Command("zoo.commands.plugins", "installed plugins; --check loads each"),
    "doctor": Command("zoo.commands.doctor", "what is installed here and what works"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: arguments without the program's name; those of the process unless given.

    Returns:
        0; 1 where something failed; 2 for a wrong command or setting; 130 after Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments or os.environ.get("ZOO_DEBUG", "0") not in ("", "0")
    try:
        return _dispatch([argument for argument in arguments if argument != "--debug"])
    except ZooError as error:
        if debug:
            raise
        print(f"zoo: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        if debug:
            raise
        print("zoo: interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # the reader (head, less) has seen enough; a second failure at exit would print a traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_help())
        return 0
    if arguments[0] == "--version":
        from importlib.metadata import version

        print(f"zoo {version('rppg-zoo')}")
        return 0
    name, rest = arguments[0], arguments[1:]
    if name not in COMMANDS:
        if name.startswith("-"):
            raise UsageError(f"There is no option '{name}' before the command: 'zoo --help' shows all.")
        raise UnknownName("command", name, COMMANDS, "'zoo --help' shows all.")
    module = importlib.import_module(COMMANDS[name].module)
    if hasattr(module, "main"):
        return int(module.main(name, rest))

    from zoo.commands._arguments import Parser

    parser = Parser(prog=f"zoo {name}", description=module.__doc__)
    module.add_arguments(parser)
    return int(module.run(parser.parse_args(rest)))


def _help() -> str:
    lines = [f"  {name:<10}{command.help}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "zoo: a multitask model zoo for remote photoplethysmography",
            "",
            "usage: zoo COMMAND [options]    ('zoo COMMAND --help' shows them; --debug shows tracebacks)",
            "",
            *lines,
            "",
            "start with:  zoo predict clip.mp4",
            "             zoo list models",
            "             zoo fit --model fpn1d_multitask",
        ]
    )
