"""One module a figure, each with a function `measure` that yields its lines."""
