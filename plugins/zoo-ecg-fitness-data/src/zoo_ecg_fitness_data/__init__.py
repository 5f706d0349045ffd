"""The ECG-Fitness data set for rppg-zoo: a complete example of a data-set plugin."""

PLUGIN_API = 1
