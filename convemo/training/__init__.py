"""How the models that we ship were made, and how to make your own: ``convemo train text|acoustic|fusion``."""
