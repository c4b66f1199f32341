"""Tries every causal model class of the installed transformers, and records the outcomes."""
