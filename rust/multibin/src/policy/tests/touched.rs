//! How many entries one call may touch, however many wait.

use std::sync::Arc;
use std::time::Duration;

use super::support::{MANY, ROWS, config, enter, former};
use crate::config::{Config, Fill, Order, Overrun};
use crate::costs::BatchTimes;
use crate::edges::Edges;
use crate::policy::former::Former;
use crate::request::{Options, Reason, Row};

/// Entries of a queue's block, and more than the levels of a heap.
const BLOCK: u64 = 32;

/// Makes a former with many requests in the first bin, whose options differ.
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
        let positions = former.slab.positions();
        assert_eq!(former.slab.deadlines() as u64, MANY / 10);
        enter(&mut former, 5, MANY, &vec![Options::new(); MANY as usize / 3]);
        // Vacated positions are used again: nothing grew except for what blocks may leave open.
        assert!(former.slab.positions() <= positions + 2 * BLOCK as usize);
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

/// A window has a bounded number of entries, also of bins that hold many.
#[test]
fn a_cut_touches_its_window() {
    for config in configs().into_iter().filter(|config| config.fill == Fill::Elastic) {
        let mut former = former(&config);
        let (rows, lengths) = (vec![1, ROWS], vec![0, 100]);
        let times = BatchTimes::new(rows, lengths, vec![1.0; 4], ROWS).unwrap();
        former.set_costs(Some(&Arc::new(times)));
        enter(&mut former, 15, 0, &[Options::new()]);
        enter(&mut former, 5, 1, &vec![Options::new(); MANY as usize - 1]);
        former.slab.touched();
        let batch = former.form(MANY, 0, false, usize::MAX).unwrap();
        assert_eq!((batch.rows.len(), batch.reason), (ROWS as usize, Reason::Elastic));
        assert_eq!(batch.rows[ROWS as usize - 1].ticket, 0);
        let touched = former.slab.touched();
        assert!(touched <= 2_000, "{touched}");
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

/// Climbers restart in steps, in the order in which they waited, and can be cancelled meanwhile.
#[test]
fn climbers_of_a_worker_that_is_gone_restart_in_steps() {
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
        assert!(former.remove_worker(0) && !former.has_worker(0));
        assert!(former.slab.touched() <= 100, "removing");
        assert!(former.remove(climbed[100].ticket).is_some());
        let (mut moved, mut more) = (0, true);
        let _ = former.slab.touched();
        while more {
            let step;
            (step, more) = former.restart_orphans(0, 1024, 0, MANY);
            let touched = former.slab.touched();
            assert!(step <= 1024 && touched <= 200 * (step + 1), "{touched}");
            moved += step;
        }
        assert_eq!((moved, former.queues.parked()), (climbed.len() as u64 - 1, 0));
        assert!(!former.remove_worker(0));
    }
}
