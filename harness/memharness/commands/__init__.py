"""Holds one command in each module: reads its options, calls the folders below, prints."""
