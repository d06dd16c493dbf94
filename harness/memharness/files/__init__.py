"""Reads, writes, copies and removes folders that strangers or killed processes may have filled."""
