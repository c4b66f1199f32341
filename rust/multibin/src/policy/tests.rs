//! What one call may touch, however much waits, and rules that need more than one call to see.

use std::time::Duration;

use proptest::prelude::*;

use super::expiry::REPORTS;
use super::{Formed, Former, Rules, Slab};
use crate::config::{Config, Fill, Order, Overrun};
use crate::edges::Edges;
use crate::request::{Options, Reason, Row, Submission};

/// Of a queue's block, and of the levels of a heap.
const BLOCK: u64 = 32;
const MANY: u64 = 100_000;
const ROWS: u32 = 8;

/// Two bins, [0, 10) and [10, ∞), and a worker 0.
fn former(config: &Config) -> Former {
    let (edges, rules) = (Edges::new(&[0, 10, 20]).unwrap(), Rules::new(config));
    let slab = Slab::new(config.capacity, 4, rules.rank).unwrap();
    let mut former = Former::new(rules, config.sizes(4), edges, slab, config.capacity).unwrap();
    former.add_worker(0);
    former
}

fn config() -> Config {
    Config { capacity: MANY as usize, ..Config::new(ROWS) }
}

/// Tickets from `first` on, each at the time of its number.
fn enter(former: &mut Former, length: u32, first: u64, options: &[Options]) {
    let bin = former.bin(length);
    former.arrive(bin, |arrivals| {
        for (ticket, options) in (first..).zip(options) {
            arrivals.push(Submission::new(ticket, ticket, ticket, length, options));
        }
    });
}

/// So many requests of the first bin, with options that differ, and what entering touched at most.
fn full(config: &Config) -> Former {
    let mut former = former(config);
    let ageing = config.ageing.is_some();
    for ticket in 0..MANY {
        let mixed = ticket * 7919 % MANY;
        let options = Options::new().ttl(Duration::from_secs(1 + mixed));
        let priority = if ageing { (mixed % 5) as u32 } else { 0 };
        enter(&mut former, 5, ticket, &[options.priority(priority)]);
        assert!(former.slab.touched() <= 100, "entering");
    }
    former
}

fn configs() -> [Config; 4] {
    let budget = Some(crate::Budget::Sum(60));
    [
        config(),
        Config { fill: Fill::Strict, budget, ..config() },
        Config { ageing: Some(0.1), ..config() },
        Config { order: Some(Order::Deadline), ..config() },
    ]
}

#[test]
fn cancelling_touches_some_blocks() {
    for config in configs() {
        let mut former = full(&config);
        for i in 0..MANY * 9 / 10 {
            assert!(former.remove(i * 7919 % MANY).is_some());
            let touched = former.slab.touched();
            assert!(touched <= 8 * BLOCK + 200, "{touched}");
        }
        let places = former.slab.places();
        assert_eq!(former.slab.deadlines() as u64, MANY / 10);
        enter(&mut former, 5, MANY, &vec![Options::new(); MANY as usize / 3]);
        // What was given back is used again: nothing grew but for what blocks may leave open.
        assert!(former.slab.places() <= places + 2 * BLOCK as usize);
    }
}

#[test]
fn a_batch_touches_its_rows() {
    for config in configs() {
        let mut former = full(&config);
        for _ in 0..5_000 {
            let rows = former.form(0, 0, false, usize::MAX).unwrap().rows.len();
            assert_eq!(rows, ROWS as usize);
            let touched = former.slab.touched();
            assert!(touched <= 200 * u64::from(ROWS), "{touched}");
        }
    }
}

#[test]
fn expiring_touches_a_path_of_each_heap_and_is_bounded() {
    for config in configs() {
        let mut former = full(&config);
        let half = MANY / 2 * 1_000_000_000 + 999_999_999;
        let mut expired = 0;
        loop {
            let count = former.expire(half) as u64;
            assert!(former.slab.touched() <= 500 * count.max(1) && count <= 4096);
            if count == 0 {
                break;
            }
            expired += count;
        }
        assert_eq!((expired, former.expired()), (MANY / 2, MANY / 2));
        let reported = former.take_unreported();
        assert!(reported.len() as u64 == expired && former.take_unreported().is_empty());
        assert_eq!(former.form(half, 0, false, usize::MAX).unwrap().rows.len(), ROWS as usize);
    }
}

#[test]
fn changes_touch_heads_and_batches() {
    for config in configs() {
        let mut former = full(&config);
        former.set_edges(Edges::new(&[0, 3, 6]).unwrap(), true);
        assert!(former.slab.touched() <= 100);
        former.set_rules(former.rules, config.sizes(4));
        assert!(former.slab.touched() <= 100 + 4 * u64::from(ROWS));
    }
}

/// Climbers go back in steps, in the order in which they waited, and can be cancelled meanwhile.
#[test]
fn a_worker_that_is_gone_hands_its_climbers_back_in_steps() {
    for config in configs() {
        let config = Config { overrun: Overrun::Climb, ..config };
        let mut former = full(&config);
        let mut climbed = Vec::new();
        for _ in 0..2_000 {
            let batch = former.form(0, 0, true, usize::MAX).unwrap();
            climbed.extend(batch.rows);
        }
        let _ = former.slab.touched();
        for &row in &climbed {
            former.climb(Row { progress: 1, entered: 0, ..row }, Some(0), MANY);
            assert!(former.slab.touched() <= 100, "climbing");
        }
        assert!(former.retire_worker(0) && !former.has_worker(0));
        assert!(former.slab.touched() <= 100, "retiring");
        assert!(former.remove(climbed[100].ticket).is_some());
        let (mut moved, mut more) = (0, true);
        let _ = former.slab.touched();
        while more {
            let step;
            (step, more) = former.hand_back(0, 1024, 0, MANY);
            let touched = former.slab.touched();
            assert!(step <= 1024 && touched <= 200 * (step + 1), "{touched}");
            moved += step;
        }
        assert_eq!((moved, former.parked), (climbed.len() as u64 - 1, 0));
        assert!(!former.retire_worker(0));
    }
}

/// A request past its deadline never leaves, also while more have expired than are unreported at
/// most; each is reported once.
#[test]
fn the_expired_that_are_too_many_wait_and_are_not_served() {
    let config = Config { capacity: 4, ..Config::new(2) };
    let mut former = former(&config);
    let (soon, most) = (Options::new().ttl(Duration::ZERO), REPORTS as u64);
    for first in (0..most).step_by(4) {
        enter(&mut former, 5, first, &[soon; 4]);
        assert_eq!(former.expire(2 * most), 4);
    }
    enter(&mut former, 5, most, &[soon, soon, Options::new(), soon]);
    assert_eq!(former.expire(2 * most), 0, "so many are unreported");
    assert!(former.offers(2 * most, 0, false));
    let mut reported = Vec::new();
    let mut rows = Vec::new();
    while let Some(batch) = former.form(2 * most, 0, false, usize::MAX) {
        reported.extend(batch.expired.iter().map(|expired| expired.ticket));
        rows.extend(batch.rows.iter().map(|row| row.ticket));
    }
    let expired: Vec<u64> = (0..most + 4).filter(|&ticket| ticket != most + 2).collect();
    assert_eq!((reported, rows), (expired, vec![most + 2]));
    assert_eq!(former.slab.deadlines(), 0);
}

/// Ticket 16 is due late, as many wait when it enters; 17, behind it, is not once 16 is cancelled.
#[test]
fn what_is_cancelled_hands_no_due_on() {
    let mut former = former(&Config { order: Some(Order::Shortest), ..config() });
    let plain = vec![Options::new(); 1_000];
    enter(&mut former, 5, 0, &plain);
    enter(&mut former, 15, 1_000, &plain[..1]);
    while former.waiting(None) > 20 {
        let _ = former.form(0, 0, false, usize::MAX);
    }
    enter(&mut former, 15, 1_001, &plain[..1]);
    let own = former.slab.entry(former.places.find(&former.slab, 1_001).unwrap()).due;
    assert!(former.remove(1_000).is_some());
    assert_eq!(former.fresh.queues[1].head.due, own);
    assert!(own < former.taken + 100);
}

/// One climber that may climb for ever, and a request that is overdue.
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
    let tickets: Vec<u64> = batch.rows.iter().map(|row| row.ticket).collect();
    assert_eq!((batch.reason, tickets), (Reason::Overdue, vec![1, 0]));
}

/// Strict: as many climbers as may wait, which are no batch alone, do not keep full bins from leaving;
/// once they are one, or the scheduler is closed, they go on and no request starts.
#[test]
fn climbers_that_cannot_go_on_hold_up_no_full_bin() {
    let config = Config { fill: Fill::Strict, overrun: Overrun::Climb, ..Config::new(2) };
    let mut former = former(&Config { capacity: 100, max_parked: Some(1), ..config });
    let tickets = |batch: Formed| batch.rows.iter().map(|row| row.ticket).collect::<Vec<_>>();
    enter(&mut former, 5, 0, &[Options::new(); 9]);
    let rows = former.form(0, 0, false, usize::MAX).unwrap().rows;
    former.climb(Row { progress: 12, ..rows[0] }, Some(0), 9);
    assert!(former.offers_shared(0, false) && former.offers(0, 0, false));
    for expected in [[2, 3], [4, 5]] {
        assert_eq!(tickets(former.form(0, 0, false, usize::MAX).unwrap()), expected);
    }
    former.climb(Row { progress: 12, ..rows[1] }, Some(0), 9);
    assert_eq!(tickets(former.form(0, 0, false, usize::MAX).unwrap()), [0, 1]);
    former.climb(Row { progress: 12, ..rows[0] }, Some(0), 9);
    assert_eq!(tickets(former.form(0, 0, true, usize::MAX).unwrap()), [0]);
    assert_eq!(tickets(former.form(0, 0, false, usize::MAX).unwrap()), [6, 7]);
    assert!(!former.offers(0, 0, false) && former.form(0, 0, false, usize::MAX).is_none());
}

/// A climber that entered later is ahead of an overdue request by its rank. That one leads all the
/// same, at the time that the deadline told: who sleeps until then is not woken for nothing.
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
        let deadlines = [former.deadline(0), former.shared_deadline(), former.own_deadline(0)];
        assert_eq!(deadlines, [Some(60), Some(60), Some(80)]);
        assert_eq!(former.offers(59, 0, false), fill == Fill::Elastic);
        assert!(former.offers(60, 0, false));
        let batch = former.form(60, 0, false, usize::MAX).unwrap();
        let tickets: Vec<u64> = batch.rows.iter().map(|row| row.ticket).collect();
        assert_eq!((batch.reason, batch.bin, tickets), (Reason::Overdue, 0, vec![10, 0]));
    }
}

/// Strict: what waits in bins that change leaves, the oldest first, and what comes later waits for a
/// batch again.
#[test]
fn what_a_change_of_edges_leaves_behind_leaves() {
    for ageing in [None, Some(0.1)] {
        let mut former = former(&Config { fill: Fill::Strict, ageing, ..config() });
        let plain = [Options::new(); 3];
        enter(&mut former, 15, 0, &plain);
        enter(&mut former, 5, 3, &plain);
        assert!(!former.offers(0, 0, false));
        former.set_edges(Edges::new(&[0, 30]).unwrap(), true);
        assert!(former.offers(0, 0, false) && former.may_complete(1));
        enter(&mut former, 25, 6, &plain[..1]);
        let mut next = || {
            let batch = former.form(0, 0, false, usize::MAX)?;
            Some(batch.rows.iter().map(|row| row.ticket).collect::<Vec<_>>())
        };
        assert_eq!(next(), Some(vec![0, 1, 2]));
        assert_eq!(next(), Some(vec![3, 4, 5, 6]));
        enter(&mut former, 25, 7, &plain[..1]);
        assert_eq!(former.form(0, 0, false, usize::MAX), None);
        former.set_predicted(false);
        assert!(!former.offers(0, 0, false), "one bin is what the closed gate makes it");
    }
}

/// While the gate is closed nothing enters but the first bin, save who goes on: no batch will come
/// together there, whenever the worker was made. Where requests climb, one may.
#[test]
fn a_worker_that_came_after_a_change_counts_the_same_bins_as_full() {
    for (overrun, leaves) in [(Overrun::Finish, true), (Overrun::Climb, false)] {
        for ageing in [None, Some(0.1)] {
            let config = Config { fill: Fill::Strict, overrun, ageing, ..config() };
            let mut former = former(&config);
            enter(&mut former, 5, 0, &[Options::new(); 2 * ROWS as usize]);
            let batches = [0, 0].map(|worker| former.form(0, worker, false, usize::MAX).unwrap());
            former.set_predicted(false);
            former.add_worker(1);
            for (worker, batch) in (0..).zip(&batches) {
                former.climb(Row { progress: 12, ..batch.rows[0] }, Some(worker), 16);
                assert_eq!(former.offers(0, worker, false), leaves);
                let left = former.form(0, worker, false, usize::MAX);
                assert_eq!(left.map(|batch| batch.rows.len()), leaves.then_some(1));
            }
        }
    }
}

/// A producer that found a bin before the edges changed, and entered it after.
#[test]
fn a_bin_that_is_entered_no_more_keeps_nothing() {
    let mut former = former(&Config { fill: Fill::Strict, ..config() });
    former.set_edges(Edges::new(&[0, 30]).unwrap(), true);
    former.arrive(1, |arrivals| {
        arrivals.push(Submission::new(0, 0, 0, 15, &Options::new()));
    });
    assert!(former.may_complete(1));
    assert_eq!(former.form(0, 0, false, usize::MAX).unwrap().rows.len(), 1);
}

proptest! {
    /// All are overdue. The one that is published behind later tickets of its bin leaves as if it had
    /// the largest of them: within as many batches as there are requests up to that ticket.
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
