//! The end of a round: the records, the threads' counts and `stats` must agree.

use multibin::{Stats, Ticket};

use crate::failure::require;
use crate::record::{Record, State};
use crate::round::Round;
use crate::tally::Tally;

/// Cancels all requests that wait, and returns their number.
///
/// No worker is left, so each of these cancellations must succeed and no other may.
pub fn cancel_the_rest(round: &Round<'_>) -> u64 {
    let (mut cancelled, mut unknown) = (0, Vec::new());
    for (request, Record { state, ticket, .. }) in round.account.accepted() {
        match (state, ticket) {
            (State::Waiting, Some(ticket)) => {
                let found = round.cancel(request, ticket);
                require(found, || format!("request {request} waits and cannot be cancelled"));
                cancelled += 1;
            }
            (State::Waiting, None) => unknown.push(request),
            _ => {}
        }
    }
    cancelled + cancel_unknown(round, &unknown)
}

/// Cancels requests whose tickets are among those that no thread knows.
fn cancel_unknown(round: &Round<'_>, requests: &[u32]) -> u64 {
    let tickets = Tickets::known(round);
    let found = tickets.missing().filter(|&ticket| round.scheduler.cancel(ticket)).count();
    require(found == requests.len(), || {
        format!("{found} requests cancelled and {} waited", requests.len())
    });
    for &request in requests {
        round.account.cancel(request);
    }
    found as u64
}

/// By ticket, true if a record has it.
struct Tickets(Vec<bool>);

impl Tickets {
    /// Collects the tickets of all records, which must differ.
    fn known(round: &Round<'_>) -> Self {
        let mut known = vec![false; round.scheduler.stats().submitted as usize];
        for (request, record) in round.account.accepted() {
            let Some(ticket) = record.ticket else { continue };
            let first = known.get_mut(ticket as usize).map(|known| !std::mem::replace(known, true));
            require(first == Some(true), || {
                format!("request {request} has ticket {ticket}: beyond the last, or another's")
            });
        }
        Self(known)
    }

    fn missing(&self) -> impl Iterator<Item = Ticket> {
        (0..).zip(&self.0).filter(|(_, known)| !**known).map(|(ticket, _)| ticket)
    }
}

/// Checks that every request ended once, and that all counts agree.
pub fn check(round: &Round<'_>, sum: &Tally) {
    let _ = Tickets::known(round);
    let ends = ends(round);
    let counted = [sum.accepted, sum.done, sum.lost, sum.cancelled, sum.expired];
    require(ends == counted, || {
        format!("requests ended as {ends:?} (all, done, lost, cancelled, expired), not {counted:?}")
    });
    let stats = round.scheduler.stats();
    let expected = expected(sum, stats);
    require(stats == expected, || format!("{stats:?}, not {expected:?}"));
    // A climber that restarts and is cancelled before its delivery is counted by `stats` alone.
    let possible = sum.restarted..=sum.restarted + sum.cancelled;
    require(possible.contains(&stats.restarted), || {
        format!("{} restarted of {}", sum.restarted, stats.restarted)
    });
}

/// Counts all requests, then those of each end.
fn ends(round: &Round<'_>) -> [u64; 5] {
    let mut ends = [0; 5];
    for (request, record) in round.account.accepted() {
        ends[0] += 1;
        ends[match record.state {
            State::Done => 1,
            State::Lost => 2,
            State::Cancelled => 3,
            State::Expired => 4,
            State::Waiting | State::Leased => {
                require(false, || format!("request {request} never ended: {record:?}"));
                unreachable!("the line before ends the program")
            }
        }] += 1;
    }
    ends
}

/// Returns the expected `stats`. The fields that the threads do not count keep their values.
fn expected(sum: &Tally, stats: Stats) -> Stats {
    let mut expected = stats;
    expected.submitted = sum.accepted;
    expected.taken = sum.delivered;
    expected.resubmitted = sum.resubmitted;
    expected.done = sum.done;
    expected.lost = sum.lost;
    expected.cancelled = sum.cancelled;
    expected.expired = sum.expired;
    expected.waiting = 0;
    expected.leased = 0;
    expected.batches = sum.batches;
    expected
}
