"""The costs of ``multibin.costs.hardware`` beside published measurements."""
