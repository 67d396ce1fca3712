"""The acoustic channel: how something was said, against how the same speaker said things before."""
