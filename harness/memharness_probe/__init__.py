"""Runs inside the measured interpreter: standard library only, CPython 3.8 and later. See `__main__`."""

METHOD = 4  # raised whenever the same workload would yield other figures
