"""The lab: simulation, theory, traces, planning and calibration.

``theory`` has the paper's closed forms, ``traces`` reads and draws workloads, ``simulate`` plays
them through the scheduler on a virtual clock. On these stand ``compare`` (policies side by side),
``plan`` (chooses one for a load), ``calibrate`` (measures a cost table) and ``paper`` (the paper's
numbers beside ours). Import the one that you need: ``calibrate`` needs torch.
"""

__all__ = ["calibrate", "compare", "paper", "plan", "simulate", "theory", "traces"]
