"""Files out: one module a format, joined to `Analysis.save` by suffix through the registry."""
