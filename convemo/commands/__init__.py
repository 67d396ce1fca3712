"""What each command does once its options are known; `convemo.cli` declares the options."""
