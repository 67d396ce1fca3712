"""The text channel: a small encoder, shipped with the package, that reads the emotion expressed in what was said."""
