"""Data that suites bring with them; README.md says what they are."""
