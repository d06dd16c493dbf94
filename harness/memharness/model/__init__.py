"""Defines the frozen values that are stored and shared: metrics, commits, scenarios, measurements, findings."""
