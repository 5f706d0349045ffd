"""Measuring on a Jetson, on the board itself or over ssh, with what every board has: sh, trtexec and tegrastats."""
