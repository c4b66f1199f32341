//! What one call may touch, and rules that need more than one call to see.

mod change;
mod climbers;
mod expiry;
mod overdue;
mod positions;
mod restart;
mod support;
mod touched;
