"""Evaluation suites, as data: `convemo eval NAME`."""
