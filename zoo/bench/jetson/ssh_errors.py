"""What ssh's errors mean, and what to do."""

from __future__ import annotations

import re

from zoo.bench.jetson.text import plain

_CAUSES = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed",
        "{host} has another host key than the one known here: if the board was set up anew, remove the old key with "
        "'ssh-keygen -R' and compare the new one; otherwise somebody else answers.",
    ),
    (
        r"Host key verification failed|host key is known",
        "{host} is not known here: connect once with 'ssh {host}' and compare its fingerprint with the board's.",
    ),
    (
        r"Permission denied|Too many authentication failures|no more authentication methods",
        "{host} does not let you in without a password: copy a key to it with 'ssh-copy-id {host}'.",
    ),
    (r"Could not resolve hostname", "There is no machine called {host}: check the name, or give its address."),
    (
        r"Connection refused|No route to host|Network is unreachable|onnection timed out|Operation timed out",
        "There is no way to {host} ({line}): check that the board is on, its address and --port.",
    ),
    (
        r"Bad configuration option|[Uu]nsupported option|keyword|command-line",
        "ssh does not take these options ({line}): check --ssh-option.",
    ),
    (
        r"closed by|master failed|reset by|[Bb]roken pipe|not responding|[Dd]isconnect|^\s*$",
        "The connection to {host} broke off in mid-run ({line}): check its power supply and network, then try again.",
    ),
)


def explain(host: str, err: str) -> str:
    """What ssh's own error means, and what to do."""
    lines = [line for line in (plain(line) for line in err.splitlines()) if line]
    line = lines[-1][:160] if lines else "ssh said nothing"
    for pattern, sentence in _CAUSES:
        if re.search(pattern, err):
            return sentence.format(host=host, line=line)
    return f"ssh to {host} failed ({line}): try 'ssh {host} true'."
