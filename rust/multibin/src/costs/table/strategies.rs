//! Random measurements and batches, for tests.

use proptest::prelude::*;

use super::super::batch::RunningRow;
use super::measurements::{Counts, Measurements};

fn axes(low: u32) -> impl Strategy<Value = Vec<u32>> {
    prop::collection::btree_set(low..40, 1..5).prop_map(|points| points.into_iter().collect())
}

prop_compose! {
    pub(in crate::costs) fn measurements()(rows in axes(1), tokens in axes(0))(
        step in prop::collection::vec(0.0..1.0, rows.len() * tokens.len()),
        prefill in prop::collection::vec(0.0..1.0, rows.len() * tokens.len()),
        moved in prop::collection::vec(0.0..1.0, rows.len() * tokens.len()),
        counts in prop_oneof![Just(Counts::Longest), Just(Counts::Mean)],
        rows in Just(rows),
        tokens in Just(tokens),
    ) -> Measurements {
        Measurements { rows, tokens, step, prefill, moved, counts }
    }
}

pub(in crate::costs) fn running_rows() -> impl Strategy<Value = Vec<RunningRow>> {
    let parts = (1u32..60, 1u32..40, any::<bool>(), 0u32..60);
    let row = parts.prop_map(|(age, steps, new, cached)| RunningRow {
        age,
        steps,
        new,
        cached: cached.min(age),
    });
    prop::collection::vec(row, 1..50)
}
