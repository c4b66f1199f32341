"""The engine's own benchmark, read as if it were another engine's: predicted beside measured."""
