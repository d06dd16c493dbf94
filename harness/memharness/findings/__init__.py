"""Stored results -> a report: the series, the judgement, and what explains each change."""
