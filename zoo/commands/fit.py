"""`zoo fit`, `zoo validate` and `zoo test`: LightningCLI over registered models and data sets."""

from __future__ import annotations

from zoo.commands._request import understand


def main(command: str, arguments: list[str]) -> int:
    """Run one of the three.

    Args:
        command: `fit`, `validate` or `test`.
        arguments: of the command line, behind the command.

    Raises:
        ZooError: what is wrong and what to do; names are checked before anything heavy is imported.
    """
    request = understand(command, arguments)

    from zoo.commands import _train

    return _train.run(request)
