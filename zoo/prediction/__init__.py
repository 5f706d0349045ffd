"""From a video to its heart rate, respiration, biomarkers and picture, by any model that runs as a `Runner`."""
