//! Compares a rule with a naive statement of it.

use super::rule::Rule;
use crate::simulate::tests::strategies::times;
use crate::simulate::workload::Workload;

/// Checks that a rule forms the batches that `naive` chooses from the waiting requests, oldest
/// first, and the time.
///
/// All requests arrive. Batches are asked for now and then, and at the end until no request waits.
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
        let mut expected = naive(waiting, now);
        batch.sort_unstable();
        expected.sort_unstable();
        assert_eq!(batch, expected, "of {waiting:?} at {now}");
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
