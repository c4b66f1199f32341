//! Formers and requests for the tests.

use crate::config::Config;
use crate::edges::Edges;
use crate::policy::former::{Formed, Former};
use crate::policy::rules::Rules;
use crate::policy::waiting::Slab;
use crate::request::{Options, Submission};

pub(super) const MANY: u64 = 100_000;
pub(super) const ROWS: u32 = 8;

/// Makes a former with two bins, [0, 10) and [10, ∞), and a worker 0.
pub(super) fn former(config: &Config) -> Former {
    let (edges, rules) = (Edges::new(&[0, 10, 20]).unwrap(), Rules::new(config));
    let slab = Slab::new(config.capacity, 4, rules.ranking).unwrap();
    let mut former = Former::new(rules, config.sizes(4), edges, slab, config.capacity).unwrap();
    former.add_worker(0);
    former
}

pub(super) fn config() -> Config {
    Config { capacity: MANY as usize, ..Config::new(ROWS) }
}

/// Enters requests with tickets from `first` on, each at the time of its number.
pub(super) fn enter(former: &mut Former, length: u32, first: u64, options: &[Options]) {
    let bin = former.bin(length);
    former.arrive(bin, |arrivals| {
        for (ticket, options) in (first..).zip(options) {
            arrivals.push(Submission::new(ticket, ticket, ticket, length, options));
        }
    });
}

pub(super) fn tickets(batch: &Formed) -> Vec<u64> {
    batch.rows.iter().map(|row| row.ticket).collect()
}
