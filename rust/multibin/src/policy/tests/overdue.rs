//! Requests that were bypassed or waited long.

use std::time::Duration;

use proptest::prelude::*;

use super::support::{config, enter, former, tickets};
use crate::config::{Config, Fill, Order, Overrun};
use crate::request::{Options, Reason, Row};

/// Ticket 1,000 has a high bypass bound, as many wait when it enters. Ticket 1,001 behind it has a
/// low one once 1,000 is cancelled.
#[test]
fn a_cancelled_request_passes_no_bypass_bound_on() {
    let mut former = former(&Config { order: Some(Order::Shortest), ..config() });
    let plain = vec![Options::new(); 1_000];
    enter(&mut former, 5, 0, &plain);
    enter(&mut former, 15, 1_000, &plain[..1]);
    while former.queues.waiting(None) > 20 {
        let _ = former.form(0, 0, false, usize::MAX);
    }
    enter(&mut former, 15, 1_001, &plain[..1]);
    let own = former.slab.entry(former.slab.find(1_001).unwrap()).bypass_bound;
    assert!(former.remove(1_000).is_some());
    assert_eq!(former.queues.new_requests().queue(1).head.bypass_bound, own);
    assert!(own < former.taken + 100);
}

/// One climber that may climb forever does not pass an overdue request.
#[test]
fn climbers_alone_do_not_pass_an_overdue_request() {
    let config = Config { overrun: Overrun::Climb, max_parked: Some(1), ..config() };
    let config = Config { max_wait: Some(Duration::from_nanos(5)), ..config };
    let mut former = former(&config);
    enter(&mut former, 5, 0, &[Options::new()]);
    let first = former.form(0, 0, false, usize::MAX).unwrap().rows[0];
    enter(&mut former, 5, 1, &[Options::new()]);
    former.climb(Row { progress: 1, entered: 9, ..first }, Some(0), 2);
    let batch = former.form(9, 0, false, usize::MAX).unwrap();
    assert_eq!((batch.reason, tickets(&batch)), (Reason::Overdue, vec![1, 0]));
}

/// A climber that entered later is ahead of an overdue request by its rank. The request still
/// leads, from the deadline on: a waiter that wakes then gets a batch.
#[test]
fn a_climber_ahead_does_not_hold_back_an_overdue_request() {
    let ranks = [(None, None), (Some(0.0), None), (None, Some(Order::Deadline))];
    let fills = [(Fill::Strict, 3), (Fill::Elastic, 2)];
    for ((ageing, order), (fill, size)) in
        ranks.into_iter().flat_map(|rank| fills.map(|fill| (rank, fill)))
    {
        let max_wait = Some(Duration::from_nanos(50));
        let config =
            Config { overrun: Overrun::Climb, max_wait, ageing, order, ..Config::new(size) };
        let mut former = former(&Config { fill, capacity: 100, ..config });
        enter(&mut former, 5, 0, &[Options::new(); 2]);
        let started = former.form(1, 0, true, usize::MAX).unwrap().rows;
        enter(&mut former, 5, 10, &[Options::new()]);
        former.climb(Row { progress: 1, entered: 30, ..started[0] }, Some(0), 11);
        former.climb(Row { progress: 10, entered: 31, ..started[1] }, None, 11);
        enter(&mut former, 15, 20, &[Options::new()]);
        let deadlines = [former.deadline(0), former.shared_deadline(), former.pinned_deadline(0)];
        assert_eq!(deadlines, [Some(60), Some(60), Some(80)]);
        assert_eq!(former.has_batch(59, 0, false), fill == Fill::Elastic);
        assert!(former.has_batch(60, 0, false));
        let batch = former.form(60, 0, false, usize::MAX).unwrap();
        let left = (batch.reason, batch.bin, tickets(&batch));
        assert_eq!(left, (Reason::Overdue, 0, vec![10, 0]));
    }
}

proptest! {
    /// All requests are overdue. One that is published behind later tickets of its bin leaves as if
    /// it had the highest of them. That is within as many batches as there are requests up to that
    /// ticket.
    #[test]
    fn a_request_published_late_counts_as_the_largest_ticket_before_it(
        tickets in Just((0..40u64).collect::<Vec<_>>()).prop_shuffle(),
        lengths in prop::collection::vec(0u32..30, 40),
        rows in 1u32..4,
    ) {
        let config = Config { max_wait: Some(Duration::ZERO), ..Config::new(rows) };
        let mut former = former(&config);
        let (mut largest, mut counts_as) = ([0; 3], [0; 40]);
        for (&ticket, &length) in tickets.iter().zip(&lengths) {
            let bin = former.bin(length);
            enter(&mut former, length, ticket, &[Options::new()]);
            largest[bin] = ticket.max(largest[bin]);
            counts_as[ticket as usize] = largest[bin];
        }
        let mut batches = 0;
        while let Some(batch) = former.form(100, 0, false, usize::MAX) {
            for row in batch.rows {
                prop_assert!(batches <= counts_as[row.ticket as usize], "{row:?} after {batches}");
            }
            batches += 1;
        }
    }
}
