//! The arguments of a scheduler as they were given, and their conversion.

use multibin::{Adapt, Budget, Change, Config};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::settings::Settings;
use crate::adapt;
use crate::convert::arguments::{Changed, Count, Number, Required, Sizes};
use crate::convert::arrays::sizes;
use crate::convert::refusal::wrong_value;
use crate::convert::scalars::{count, float, length, positive, seconds};
use crate::convert::words::{self, BudgetOf};
use crate::costs::Table;
use crate::edges::Edges;

/// The bins of a scheduler of which only the longest length is known.
const BINS: usize = 16;

/// The arguments of the constructors of `Scheduler` and `SchedulerConfig`.
pub struct Given<'a, 'py> {
    pub edges: Option<Py<Edges>>,
    pub batch_size: Required<'py>,
    pub longest: Option<Number<'py>>,
    pub capacity: usize,
    pub max_wait: Option<Number<'py>>,
    pub fill: &'a str,
    pub order: Option<&'a str>,
    pub overrun: &'a str,
    pub max_parked: Option<Count<'py>>,
    pub max_bins: Option<Count<'py>>,
    pub ageing: Option<Number<'py>>,
    pub budget: Option<Count<'py>>,
    pub budget_of: &'a str,
    pub max_padding: Option<Number<'py>>,
    pub adapt: Option<Py<adapt::Adapt>>,
    pub costs: Option<Table<'py>>,
}

/// Collects the arguments of a constructor by their names.
macro_rules! given {
    ($($argument:ident),+) => { $crate::config::Given { $($argument),+ } };
}
pub(crate) use given;

impl Given<'_, '_> {
    /// Converts and checks all arguments.
    pub fn check(self, py: Python<'_>) -> PyResult<Settings> {
        let (edges, longest) = self.edges(py)?;
        let Required::Given(batch_size) = &self.batch_size else {
            return Err(PyTypeError::new_err("batch_size must be given"));
        };
        let (batch_size, batch_sizes) = sizes(&Sizes(batch_size.clone()), "batch_size")?;
        let budget = self.budget(py)?;
        let max_wait = self.max_wait.as_ref().map(|wait| seconds(wait, "max_wait")).transpose()?;
        let order = self.order.map(|order| words::choose(py, "order", order, words::ORDERS));
        // With one bin there is nothing to adapt.
        let default = longest.filter(|_| edges.bins() > 1).map(|_| Adapt::default());
        let config = Config {
            batch_sizes,
            budget,
            max_padding: number(self.max_padding.as_ref(), "max_padding")?,
            capacity: self.capacity,
            max_wait,
            fill: words::choose(py, "fill", self.fill, words::FILLS)?,
            order: order.transpose()?,
            overrun: words::choose(py, "overrun", self.overrun, words::OVERRUNS)?,
            max_parked: self.max_parked.map(|max| count(&max, "max_parked")).transpose()?,
            max_bins: self.max_bins.map(|max| positive(&max, "max_bins")).transpose()?,
            ageing: number(self.ageing.as_ref(), "ageing")?,
            adapt: self.adapt.map(|given| given.get().0).or(default),
            costs: self.costs.map(|table| table.times()).transpose()?,
            ..Config::new(batch_size)
        };
        Settings { edges, config, longest }.checked()
    }

    fn budget(&self, py: Python<'_>) -> PyResult<Option<Budget>> {
        let budget_of = match words::choose(py, "budget_of", self.budget_of, words::BUDGETS)? {
            BudgetOf::Padded => Budget::Padded,
            BudgetOf::Cost => Budget::Sum,
        };
        self.budget.as_ref().map(|max| positive(max, "budget").map(budget_of)).transpose()
    }

    /// Returns the edges, and the length from which they were made.
    fn edges(&self, py: Python<'_>) -> PyResult<(multibin::Edges, Option<u32>)> {
        match (&self.edges, &self.longest) {
            (Some(edges), None) => Ok((edges.get().0.clone(), None)),
            (None, Some(longest)) => {
                let longest = length(longest, "longest")?;
                let max = self.max_bins.as_ref().map(|max| positive(max, "max_bins"));
                let bins = max.transpose()?.unwrap_or(BINS).clamp(1, BINS);
                Ok((Edges::up_to(py, longest, bins)?.0, Some(longest)))
            }
            (Some(_), Some(Number(longest))) => {
                Err(wrong_value("longest", "left out with edges", longest))
            }
            (None, None) => Err(PyTypeError::new_err("edges must be given, unless longest is")),
        }
    }
}

fn number(given: Option<&Number<'_>>, name: &str) -> PyResult<Option<f64>> {
    given.map(|given| float(given, name)).transpose()
}

/// Converts the arguments of `Scheduler.reconfigure`.
pub fn change(
    edges: Option<Py<Edges>>,
    batch_size: Option<Sizes<'_>>,
    max_wait: Changed<'_>,
    max_parked: Changed<'_>,
    budget: Option<Count<'_>>,
    costs: Changed<'_>,
) -> PyResult<Change> {
    let sizes = batch_size.map(|given| sizes(&given, "batch_size")).transpose()?;
    Ok(Change {
        edges: edges.map(|edges| edges.get().0.clone()),
        batch_size: sizes.as_ref().map(|(size, _)| *size),
        batch_sizes: sizes.and_then(|(_, sizes)| sizes),
        budget: budget.map(|max| positive(&max, "budget")).transpose()?,
        max_wait: max_wait.map(|wait| seconds(&Number(wait), "max_wait"))?,
        max_parked: max_parked.map(|max| count(&Count(max), "max_parked"))?,
        costs: costs.map(|table| Table(table).times())?,
    })
}
