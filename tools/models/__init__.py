"""Tries every causal model class of the installed transformers, shrunken, and writes down what happens."""
