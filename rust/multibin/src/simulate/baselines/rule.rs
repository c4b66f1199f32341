//! What a baseline decides.

use crate::policy::is_light_load;
use crate::request::Reason;

/// Forms batches. Requests are positions in the workload and arrive in its order.
pub(super) trait Rule {
    /// Adds a request that arrives at a time in nanoseconds.
    fn arrive(&mut self, request: u32, arrival: u64);

    /// Puts the requests of the next batch into the empty `batch`. Returns its bin and why it
    /// leaves, or `None` if no request waits. `closed`: no more requests will arrive.
    fn form(&mut self, now: u64, closed: bool, batch: &mut Vec<u32>) -> Option<(usize, Reason)>;
}

/// Returns true if so few requests wait that they leave together whatever their lengths: the
/// scheduler's rule 1.
pub(super) fn light_load(waiting: usize, batch_size: usize, closed: bool) -> bool {
    !closed && is_light_load(waiting, batch_size)
}

/// Returns why a batch leaves that holds as many rows as it can, or all waiting requests.
pub(super) fn reason(full: bool) -> Reason {
    if full { Reason::Full } else { Reason::Elastic }
}
