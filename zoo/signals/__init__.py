"""Pure functions on arrays: filters, rates, variability, quality. Nothing here imports torch."""
