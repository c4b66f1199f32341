"""Models and tokenizers for the engine: found, checked, loaded and put in place."""
