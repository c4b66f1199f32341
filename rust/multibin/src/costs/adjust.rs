//! Costs derived from others, as the simulation needs them.

use super::linear::LinearCosts;
use super::model::{CostModel, Costs};
use super::table::{CostTable, Measurements};

impl Costs {
    /// Returns costs of which everything takes `factor` times as long.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        self.map(|linear| linear.scaled(factor), |table| table.scaled(factor))
    }

    /// Returns costs by which rows that bring their state are taken up for nothing.
    pub(crate) fn without_moves(&self) -> Self {
        let linear = |linear: &LinearCosts| LinearCosts { moved_row: 0.0, ..*linear };
        self.map(linear, CostTable::without_moves)
    }

    /// Returns costs without [`LinearCosts::fixed`]; a table has no such part.
    pub(crate) fn without_fixed(&self) -> Self {
        let linear = |linear: &LinearCosts| LinearCosts { fixed: 0.0, ..*linear };
        self.map(linear, CostTable::clone)
    }

    fn map(
        &self,
        linear: impl Fn(&LinearCosts) -> LinearCosts,
        table: impl Fn(&CostTable) -> CostTable,
    ) -> Self {
        let model = match &self.model {
            CostModel::Linear(given) => linear(given).into(),
            CostModel::Table(given) => table(given).into(),
        };
        Self { model, completes: self.completes }
    }
}

impl LinearCosts {
    fn scaled(&self, factor: f64) -> Self {
        Self {
            fixed: self.fixed * factor,
            prompt_token: self.prompt_token * factor,
            moved_row: self.moved_row * factor,
            step: self.step * factor,
            row_step: self.row_step * factor,
            kv_token: self.kv_token * factor,
            padded_token: self.padded_token * factor,
        }
    }
}

impl CostTable {
    fn scaled(&self, factor: f64) -> Self {
        let Measurements { rows, tokens, step, prefill, moved, counts } = &self.0;
        let scaled = |grid: &[f64]| grid.iter().map(|seconds| seconds * factor).collect();
        Self(Measurements {
            rows: rows.clone(),
            tokens: tokens.clone(),
            step: scaled(step),
            prefill: scaled(prefill),
            moved: scaled(moved),
            counts: *counts,
        })
    }

    fn without_moves(&self) -> Self {
        let moved = vec![0.0; self.0.moved.len()];
        Self(Measurements { moved, ..self.0.clone() })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::super::table::strategies::{measurements, running_rows};
    use super::*;

    proptest! {
        #[test]
        fn rows_that_stay_pay_no_moves(measured in measurements(), rows in running_rows()) {
            let free = Measurements { moved: vec![0.0; measured.moved.len()], ..measured.clone() };
            let stay = CostTable::new(measured).unwrap().without_moves();
            let (mut ends, mut expected) = (Vec::new(), Vec::new());
            let end = stay.time(&rows, &mut ends).end;
            prop_assert_eq!(end, CostTable::new(free).unwrap().time(&rows, &mut expected).end);
            prop_assert_eq!(ends, expected);
        }
    }
}
