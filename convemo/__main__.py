"""``python -m convemo``."""

from convemo.cli import main

main()
