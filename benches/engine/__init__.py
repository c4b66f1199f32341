"""The engine beside transformers: one model, one workload, forced lengths."""
