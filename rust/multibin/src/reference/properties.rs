//! What is checked: every batch of random programs, and one known order.

use proptest::prelude::*;

use super::program::{BOUNDS, configs, ops};
use super::run::Run;
use crate::{Config, Edges, Fill, Scheduler};

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_batch_is_the_one_the_rules_name(
        config in configs(),
        bounds in prop::sample::select(BOUNDS.to_vec()),
        ops in prop::collection::vec(ops(), 0..120),
    ) {
        let mut run = Run::new(config, bounds);
        for op in &ops {
            run.step(op);
        }
    }
}

#[test]
fn one_strict_bin_is_a_fifo() {
    let config = Config { fill: Fill::Strict, ..Config::new(4) };
    let scheduler = Scheduler::new(Edges::new(&[0, 1]).unwrap(), config).unwrap();
    for key in 0..10 {
        scheduler.submit(key, (key * 7919 % 100) as u32).unwrap();
    }
    scheduler.close();
    let worker = scheduler.worker();
    let mut keys = Vec::new();
    while let Ok(batch) = worker.next_batch(None) {
        keys.push(batch.rows().iter().map(|row| row.key).collect::<Vec<_>>());
        batch.done();
    }
    assert_eq!(keys, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
}
