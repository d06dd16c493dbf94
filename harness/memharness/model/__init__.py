"""Stored and shared values, frozen: metrics, history, scenarios, environments, measurements, findings."""
