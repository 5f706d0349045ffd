"""LightningCLI for the zoo: registered names in place of import paths, and nothing else may be imported."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import lightning as L
from jsonargparse import get_loader, set_dumper, set_loader, set_parsing_settings
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from zoo import registry
from zoo.commands._request import import_path
from zoo.commands._run import Training
from zoo.data.module import VitalsDataModule
from zoo.errors import UsageError, ZooError
from zoo.module import VitalsModule
from zoo.training import loggers
from zoo.training.distillation import Distillation

MODE = "zoo"
SEED = 7
# what a configuration may name besides registered models
LIGHTNING = tuple(
    f"lightning.pytorch.{part}"
    for part in ("accelerators", "callbacks", "loggers", "plugins", "profilers", "strategies", "tuner")
)
DESCRIPTION = """\
Registered names stand for classes: --model fpn1d_multitask, --data synthetic, --model.help fpn1d_multitask.
--model takes a card (.json) or a .ckpt too. --config takes a recipe's name or a YAML of the same settings, which
--print_config writes.
Besides: --teacher CHECKPOINT (for --distillation.teacher), --protocol NAME, --json, --csv FILE, --plots DIR; of
zoo calibrate: --out FILE, --refuse SHARE, --waveform."""

TrainerOptions = Callable[[VitalsModule, Mapping[str, Any], Training], dict[str, Any]]


class Configuration(LightningCLI):
    """Parses settings and builds `model`, `datamodule` and `trainer`; nothing runs.

    Args:
        command: `fit`, `validate` or `test`.
        arguments: as on a command line, with import paths for names.
        trainer_options: what the Trainer is given instead of its configured options, from the model, those, and the
            settings of training that are not the Trainer's.

    Raises:
        UsageError: a setting that does not exist or has a wrong value.
    """

    model: VitalsModule
    datamodule: VitalsDataModule
    trainer: L.Trainer

    def __init__(self, command: str, arguments: list[str], trainer_options: TrainerOptions) -> None:
        _set_up_parsing()
        self.arguments = arguments
        self.trainer_options = trainer_options
        super().__init__(
            model_class=VitalsModule,
            datamodule_class=VitalsDataModule,
            subclass_mode_model=True,
            save_config_callback=None,
            seed_everything_default=SEED,
            # exact repetition, and a warning where an operation cannot
            trainer_defaults={"deterministic": "warn", "default_root_dir": "runs"},
            parser_kwargs={
                "prog": f"zoo {command}",
                "description": DESCRIPTION,
                "parser_mode": MODE,
                "exit_on_error": False,
            },
            run=False,
            auto_configure_optimizers=False,
            # hyper-parameters stay plain values, and a checkpoint names its model, not a class to import
            load_from_checkpoint_support=False,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--distillation", type=Distillation | None, help="what a teacher's checkpoint adds (fit only)"
        )
        parser.add_argument(
            "--ckpt_path",
            type=str | None,
            help="a .ckpt, or best or last of the model's newest run; auto: its last, unless it has come to its end",
        )
        parser.add_argument(
            "--early_stopping", type=int, default=0, help="stop after so many validations without a better score"
        )
        parser.add_argument(
            "--average_weights",
            type=float,
            default=0.0,
            help="decay of a moving average of the weights (0.999, say), which is validated and kept; 0 for none",
        )
        parser.add_argument(
            "--logger",
            type=str,
            default=",".join(loggers.DEFAULT),
            help=f"loggers, with commas between: {', '.join(loggers.KINDS)}",
        )
        parser.link_arguments("model.input", "data.input", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        try:
            self.config = parser.parse_args(self.arguments)
        except argparse.ArgumentError as error:
            raise UsageError(_sentence(str(error))) from error

    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except ValueError as error:
            # what a model says of its settings comes wrapped in all else that the parser tried
            if isinstance(error.__cause__, ZooError):
                raise error.__cause__ from None
            raise

    @property
    def distillation(self) -> Distillation | None:
        """How the model is taught by another one, where it is."""
        found: Distillation | None = self.config_init["distillation"]
        return found

    def instantiate_trainer(self, **options: Any) -> L.Trainer:
        configured = dict(self.config_init["trainer"])
        training = Training(
            early_stopping=self.config["early_stopping"],
            average_weights=self.config["average_weights"],
            logger=tuple(self.config["logger"].split(",")),
            # as `seed_everything` has set it
            seed=int(os.environ.get("PL_GLOBAL_SEED", SEED)),
        )
        return super().instantiate_trainer(**self.trainer_options(self.model, configured, training), **options)

    def text(self) -> str:
        """The whole configuration as YAML that `--config` takes."""
        return str(self.parser.dump(self.config, skip_unset=False))


def _set_up_parsing() -> None:
    """Teach jsonargparse the registered names, and forbid it to import anything else."""
    plain = get_loader("yaml")
    set_loader(MODE, lambda text: _with_paths(plain(text)))
    set_dumper(MODE, lambda config: _dump(_with_names(config)))
    models = registry.entries("model").values()
    set_parsing_settings(
        import_path_denylist=["*"],
        import_path_allowlist=[
            *LIGHTNING,
            f"{Distillation.__module__}.Distillation",
            *(import_path(entry) for entry in models),
        ],
        # a configuration is read from a file, never from an address
        config_read_mode_fsspec_enabled=False,
    )


def _with_paths(config: Any) -> Any:
    """A configuration with import paths for registered names."""
    if not isinstance(config, dict):
        return config
    config = dict(config)
    if isinstance(config.get("data"), str):
        config["data"] = {"name": config["data"]}
    model = config.get("model")
    if isinstance(model, str):
        config["model"] = {"class_path": _path(model)}
    elif isinstance(model, dict) and isinstance(model.get("class_path"), str):
        config["model"] = {**model, "class_path": _path(model["class_path"])}
    return config


def _with_names(config: dict[str, Any]) -> dict[str, Any]:
    names = {import_path(entry): name for name, entry in registry.entries("model").items()}
    model = config.get("model")
    if isinstance(model, dict) and model.get("class_path") in names:
        return {**config, "model": {**model, "class_path": names[model["class_path"]]}}
    return config


def _path(name: str) -> str:
    paths = {import_path(entry) for entry in registry.entries("model").values()}
    return name if name in paths else import_path(registry.find("model", name))


def _dump(config: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(config, default_flow_style=False, allow_unicode=True, sort_keys=False)


def _sentence(message: str) -> str:
    """What is wrong, out of a parser's message about everything that it tried."""
    if denied := re.search(r"Importing '([^']+)' is not allowed", message):
        return (
            f"a configuration may not import '{denied[1]}': only registered models and Lightning's own callbacks, "
            "loggers, profilers, plugins and strategies."
        )
    if expected := re.search(r"Expected an? (.+?)\. Got value: (.+)", message):
        setting = ".".join(re.findall(r'Parser key "([^"]+)"', message[: expected.start()]))
        kind = re.sub(r"<class '([^']+)'>", r"\1", expected[1])
        kind = re.sub(r"(?:typing\.)?Literal\[(.+)\]", r"one of \1", kind)
        return f"{setting or 'a setting'} must be {kind}, not {expected[2]!r}."
    key, given = re.search(r'Parser key "([^"]+)"', message), re.findall(r"Given value: (.+)", message)
    if key and given:
        return f"{key[1]} cannot be {given[-1]}: 'zoo fit --help' shows what it takes."
    return " ".join(message.split())
