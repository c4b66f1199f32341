"""The lab: simulation, theory, traces, planning and calibration.

``theory`` has the paper's closed forms. ``traces`` reads and draws workloads, and ``simulate``
plays them through the scheduler on a virtual clock.

On these stand five more. ``compare`` plays policies side by side, and ``plan`` chooses one for a
load. ``calibrate`` measures a cost table, and needs torch. ``fit_costs`` fits costs to the
benchmark of an engine. ``paper`` has the paper's numbers beside ours.
"""

__all__ = ["calibrate", "compare", "fit_costs", "paper", "plan", "simulate", "theory", "traces"]
