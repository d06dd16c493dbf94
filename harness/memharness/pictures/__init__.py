"""Draws reports as files for print, with matplotlib; decides nothing."""
