"""The plugin for one's own test run: `pytest --memharness` measures marked tests in the process that runs them.

It stands above both other packages. Of `memharness` it takes how sizes are read and worded, of `memharness_probe` how a
call is measured. Neither imports it, so that memharness still starts its probe as a process and never imports it.
"""

import pytest


class MemharnessWarning(pytest.PytestWarning):
    """A limit of a marked test could not be checked."""
