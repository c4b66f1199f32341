//! Edges that change while requests wait.

use super::support::{ROWS, config, enter, former, tickets};
use crate::config::{Config, Fill, Overrun};
use crate::edges::Edges;
use crate::request::{Options, Row, Submission};

/// With strict fill, requests in bins that change leave, the oldest first. Later arrivals wait for
/// a batch again.
#[test]
fn requests_that_a_change_of_edges_leaves_behind_leave() {
    for ageing in [None, Some(0.1)] {
        let mut former = former(&Config { fill: Fill::Strict, ageing, ..config() });
        let plain = [Options::new(); 3];
        enter(&mut former, 15, 0, &plain);
        enter(&mut former, 5, 3, &plain);
        assert!(!former.has_batch(0, 0, false));
        former.set_edges(Edges::new(&[0, 30]).unwrap(), true);
        assert!(former.has_batch(0, 0, false) && former.may_complete(1));
        enter(&mut former, 25, 6, &plain[..1]);
        let mut next = || {
            let batch = former.form(0, 0, false, usize::MAX)?;
            Some(tickets(&batch))
        };
        assert_eq!(next(), Some(vec![0, 1, 2]));
        assert_eq!(next(), Some(vec![3, 4, 5, 6]));
        enter(&mut former, 25, 7, &plain[..1]);
        assert_eq!(former.form(0, 0, false, usize::MAX), None);
        former.set_predicted(false);
        assert!(!former.has_batch(0, 0, false), "one bin is what the closed gate makes it");
    }
}

/// While the gate is closed, requests enter the first bin only; climbers enter others. Without
/// climbing no batch will come together there, whenever the worker was added.
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
                assert_eq!(former.has_batch(0, worker, false), leaves);
                let left = former.form(0, worker, false, usize::MAX);
                assert_eq!(left.map(|batch| batch.rows.len()), leaves.then_some(1));
            }
        }
    }
}

/// A producer finds a bin before the edges change, and enters it after.
#[test]
fn a_bin_that_is_not_entered_any_more_keeps_nothing() {
    let mut former = former(&Config { fill: Fill::Strict, ..config() });
    former.set_edges(Edges::new(&[0, 30]).unwrap(), true);
    former.arrive(1, |arrivals| {
        arrivals.push(Submission::new(0, 0, 0, 15, &Options::new()));
    });
    assert!(former.may_complete(1));
    assert_eq!(former.form(0, 0, false, usize::MAX).unwrap().rows.len(), 1);
}
