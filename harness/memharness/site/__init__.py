"""Stored results -> web pages."""
