"""One file an architecture, its recipe beside it. `zoo.models()` lists the names of all that are registered."""

from __future__ import annotations

import sys
from types import ModuleType


class _Models(ModuleType):
    # `zoo.models` is this package and the function that lists: one name, so that neither hides the other
    def __call__(self, pattern: str | None = None) -> list[str]:
        """Names of all registered models, plugins' included.

        Args:
            pattern: part of a name, or a shell pattern (`fpn*`).
        """
        from zoo import registry

        return registry.matching(registry.entries("model"), pattern)


sys.modules[__name__].__class__ = _Models
