"""How good channels and their fusion are, on whose data, and how sure that is."""
