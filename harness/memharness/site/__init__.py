"""Turns stored results into web pages and serves them."""
