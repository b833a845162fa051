"""Processes that a measurement starts: what the product is compared with, and what observes it.

What it is compared with does the same durable work, written the plain way.
"""
