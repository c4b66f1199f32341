"""Tries every causal model class of the installed transformers and writes down what happens."""
