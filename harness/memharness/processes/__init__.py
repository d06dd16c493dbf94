"""Runs commands under supervision and ends them with all that they started."""
