//! What the baselines' tests share: random workloads, and a rule beside a naive statement of it.

use proptest::prelude::*;

use super::super::arrivals::Arrivals;
use super::super::workload::Workload;
use super::rule::Rule;
use crate::costs::{CostTable, Counts, LinearCosts, Measurements};

/// Coefficients in whole nanoseconds, so that no sum is rounded.
pub(in super::super) const LINEAR: LinearCosts = LinearCosts {
    fixed: 0.05,
    prompt_token: 0.003,
    moved_row: 0.02,
    step: 0.02,
    row_step: 0.001,
    kv_token: 0.0001,
    padded_token: 0.0002,
};

/// More rows and tokens take longer, not in proportion.
pub(in super::super) fn table(counts: Counts) -> CostTable {
    let table = CostTable::new(Measurements {
        rows: vec![1, 3],
        tokens: vec![2, 20, 50],
        step: vec![0.01, 0.02, 0.03, 0.015, 0.03, 0.06],
        prefill: vec![0.05, 0.1, 0.3, 0.07, 0.2, 0.6],
        moved: vec![0.01, 0.02, 0.03, 0.02, 0.03, 0.04],
        counts,
    });
    table.expect("the grids fit their axes")
}

prop_compose! {
    /// Up to 150 requests, a third of them together with their predecessor.
    pub(in super::super) fn workloads()(
        requests in prop::collection::vec((0u64..900_000_000, 0u32..60, 1u32..60, 0u32..9), 1..150)
    ) -> Workload {
        let mut arrival = 0;
        let mut arrivals = Vec::new();
        let mut workload = Workload::default();
        for (gap, predicted, actual, prompt) in requests {
            arrival += if gap % 3 == 0 { 0 } else { gap };
            arrivals.push(arrival);
            workload.predicted.push(predicted);
            workload.actual.push(actual);
            workload.prompts.push(prompt);
        }
        workload.arrivals = Arrivals::At(arrivals);
        workload
    }
}

/// Lets everything arrive, asks for a batch now and then and at the end until nothing waits: each
/// batch is the one that `naive` chooses from those that wait, oldest first, at that time.
pub(super) fn agree(
    mut rule: impl Rule,
    workload: &Workload,
    mut naive: impl FnMut(&[u32], u64) -> Vec<u32>,
) {
    let mut waiting = Vec::new();
    let mut ask = |rule: &mut dyn Rule, waiting: &mut Vec<u32>, now: u64| {
        let mut batch = Vec::new();
        let left = rule.form(now, false, &mut batch);
        assert_eq!(left.is_some(), !waiting.is_empty());
        let mut wanted = naive(waiting, now);
        batch.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(batch, wanted, "of {waiting:?} at {now}");
        waiting.retain(|request| !batch.contains(request));
    };
    for (request, &arrival) in (0..).zip(times(workload)) {
        rule.arrive(request, arrival);
        waiting.push(request);
        // As irregular as the workload: idle, then several at once.
        let asks = [0, 0, 0, 0, 0, 0, 2, 1][arrival as usize % 8];
        (0..asks).for_each(|_| ask(&mut rule, &mut waiting, arrival + 5));
    }
    let end = times(workload).last().map_or(0, |last| last + 1_000);
    while !waiting.is_empty() {
        ask(&mut rule, &mut waiting, end);
    }
    ask(&mut rule, &mut waiting, end);
}

/// The times of a workload that has some.
pub(in super::super) fn times(workload: &Workload) -> &[u64] {
    match &workload.arrivals {
        Arrivals::At(times) => times,
        Arrivals::Users { .. } => panic!("sent by users"),
    }
}
