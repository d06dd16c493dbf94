"""Measures one case at one commit in child processes."""
