"""Batches cut by measured costs, beside the exact program over the whole queue."""
