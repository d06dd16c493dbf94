"""Where memharness keeps what can be made again."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the absolute folder for all that can be made again: MEMHARNESS_CACHE, or the user's cache."""
    chosen = os.environ.get("MEMHARNESS_CACHE")
    return Path(chosen).absolute() if chosen else platformdirs.user_cache_path("memharness")
