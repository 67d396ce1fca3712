"""Prompts, as data: ``NAME-VERSION.toml``. A released file never changes; a new version is a new file."""
