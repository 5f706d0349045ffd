"""From a recording to the windows that a model eats."""
