"""Runs tasks on several workers at once and delivers their results in order."""
