"""One file a sub-command of `zoo`; imported when it is called."""
