//! Positions of the slab: how many are in use, and where requests are found.

use crate::config::{Budget, Config, Fill};
use crate::edges::Edges;
use crate::policy::former::Former;
use crate::policy::rules::Rules;
use crate::policy::waiting::Slab;
use crate::request::{Options, Submission};

const BINS: u32 = 8;
const ROWS: u32 = 500;
/// Two batches, and one left in each bin.
const CAPACITY: usize = 2 * ROWS as usize + BINS as usize;

/// Makes a former with strict fill and a worker 0.
fn former(config: Config) -> Former {
    let config = Config { capacity: CAPACITY, fill: Fill::Strict, ..config };
    let bounds: Vec<u32> = (0..=BINS).collect();
    let (edges, rules) = (Edges::new(&bounds).unwrap(), Rules::new(&config));
    let slab = Slab::new(CAPACITY, BINS as usize, rules.ranking).unwrap();
    let sizes = config.sizes(BINS as usize);
    let mut former = Former::new(rules, sizes, edges, slab, CAPACITY).unwrap();
    former.add_worker(0);
    former
}

/// Enters `count` requests of a length; returns the first ticket after theirs.
fn enter(former: &mut Former, length: u32, first: u64, count: u32) -> u64 {
    let bin = former.bin(length);
    let tickets = first..first + u64::from(count);
    former.arrive(bin, |arrivals| {
        for ticket in tickets.clone() {
            let options = Options::new();
            arrivals.push(Submission::new(ticket, ticket, 0, length, &options));
        }
    });
    tickets.end
}

/// Checks that vacated positions are used again. In bin after bin a batch leaves and one request
/// waits behind it; most behind that one were cancelled.
fn positions_are_as_many_as_ever_waited(config: Config) {
    let (mut former, mut first) = (former(config), 0);
    for length in 0..BINS {
        let end = enter(&mut former, length, first, 2 * ROWS - 1);
        let kept = first + u64::from(ROWS);
        assert!((kept + 1..end).all(|ticket| former.remove(ticket).is_some()));
        assert_eq!(former.form(0, 0, false, usize::MAX).unwrap().rows.len(), ROWS as usize);
        first = end;
    }
    assert_eq!(former.queues.waiting(Some(0)), BINS as usize);
    let positions = former.slab.positions();
    assert!(positions <= 2 * CAPACITY + 64 * BINS as usize, "{positions}");
}

#[test]
fn batches_leave_no_more_tombstones_than_entries() {
    positions_are_as_many_as_ever_waited(Config::new(ROWS));
}

#[test]
fn batches_within_a_budget_leave_no_more_tombstones_than_entries() {
    let budget = Some(Budget::Sum(u64::MAX));
    positions_are_as_many_as_ever_waited(Config { budget, ..Config::new(ROWS) });
}

#[test]
fn workers_that_come_and_go_use_the_same_positions() {
    let mut former = former(Config::new(1));
    for worker in 1..100 {
        former.add_worker(worker);
        let admitted = enter(&mut former, 0, worker, 1);
        let batch = former.form(0, worker, false, usize::MAX).unwrap();
        former.climb(batch.rows[0], Some(worker), admitted);
        assert!(former.remove_worker(worker));
        assert_eq!(former.restart_orphans(worker, 9, 0, admitted), (1, false));
        assert_eq!(former.form(0, 0, false, usize::MAX).unwrap().rows.len(), 1);
    }
    // A block of the bin, and one of the last worker.
    assert_eq!(former.slab.positions(), 64);
}

/// A request that a merge of blocks moves is found at its new position, collided or not.
#[test]
fn a_request_that_moves_is_found() {
    let mut former = former(Config::new(ROWS));
    let kept = enter(&mut former, 0, 0, 300);
    // These share their buckets with those before.
    let first = former.slab.buckets();
    enter(&mut former, 1, first, 300);
    let middle = |ticket: &u64| (1..kept - 20).contains(&(ticket % first));
    let tickets = || (0..kept).chain(first..first + kept);
    let ends = |ticket: &u64| !middle(ticket);
    for ticket in tickets().filter(middle).chain(tickets().filter(ends)) {
        let at = former.slab.find(ticket);
        assert_eq!(at.and_then(|at| former.slab.ticket(at)), Some(ticket));
        assert_eq!(former.remove(ticket).map(|row| row.ticket), Some(ticket));
    }
    assert_eq!(former.queues.waiting(Some(0)), 0);
}
