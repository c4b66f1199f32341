//! Arguments that are one of several words, and the core's values of them.

use multibin::record::End;
use multibin::{Fill, Order, Overrun};
use pyo3::inspect::{PyStaticConstant, PyStaticExpr};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::refusal::wrong_value;

/// What a budget counts.
#[derive(Clone, Copy, PartialEq)]
pub enum BudgetOf {
    Padded,
    Cost,
}

/// What happens to a request for which there is no room.
#[derive(Clone, Copy, PartialEq)]
pub enum OnFull {
    Raise,
    Wait,
    DropOldest,
}

pub const ON_FULL: &[(&str, OnFull)] =
    &[("raise", OnFull::Raise), ("wait", OnFull::Wait), ("drop_oldest", OnFull::DropOldest)];
pub const FILLS: &[(&str, Fill)] = &[("elastic", Fill::Elastic), ("strict", Fill::Strict)];
pub const ORDERS: &[(&str, Order)] = &[
    ("formed", Order::Formed),
    ("oldest", Order::Oldest),
    ("shortest", Order::Shortest),
    ("deadline", Order::Deadline),
];
pub const OVERRUNS: &[(&str, Overrun)] =
    &[("finish", Overrun::Finish), ("climb", Overrun::Climb), ("recompute", Overrun::Recompute)];
pub const ENDS: &[(&str, End)] = &[
    ("finished", End::Finished),
    ("expired", End::Expired),
    ("cancelled", End::Cancelled),
    ("failed", End::Failed),
    ("lost", End::Lost),
];
pub const BUDGETS: &[(&str, BudgetOf)] = &[("padded", BudgetOf::Padded), ("cost", BudgetOf::Cost)];

/// Returns the value of a word.
pub fn choose<T: Copy>(
    py: Python<'_>,
    argument: &str,
    given: &str,
    choices: &[(&str, T)],
) -> PyResult<T> {
    let found = choices.iter().find(|(name, _)| *name == given);
    found.map(|&(_, choice)| choice).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("'{name}'")).collect();
        let rule = format!("one of {}", names.join(", "));
        wrong_value(argument, &rule, PyString::new(py, given).as_any())
    })
}

/// Returns the word of a value.
pub fn name<T: Copy + PartialEq>(choice: T, choices: &[(&'static str, T)]) -> &'static str {
    choices.iter().find(|(_, other)| *other == choice).map_or("", |(name, _)| name)
}

/// Returns the word of a value as Python writes it.
pub fn quoted<T: Copy + PartialEq>(choice: T, choices: &[(&'static str, T)]) -> String {
    format!("{:?}", name(choice, choices))
}

const TYPING: PyStaticExpr = PyStaticExpr::Name { id: "typing" };
const LITERAL: PyStaticExpr = PyStaticExpr::Attribute { value: &TYPING, attr: "Literal" };

const fn text(value: &'static str) -> PyStaticExpr {
    PyStaticExpr::Constant { value: PyStaticConstant::Str(value) }
}

/// Declares a word that is returned, with its type in the stubs.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($word:literal),+) => {
        $(#[$doc])*
        pub struct $name(pub &'static str);

        impl<'py> IntoPyObject<'py> for $name {
            type Target = PyString;
            type Output = Bound<'py, PyString>;
            type Error = std::convert::Infallible;
            const OUTPUT_TYPE: PyStaticExpr = PyStaticExpr::Subscript {
                value: &LITERAL,
                slice: &PyStaticExpr::Tuple { elts: &[$(text($word)),+] },
            };

            fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
                Ok(PyString::new(py, self.0))
            }
        }
    };
}

words!(
    /// If batches leave while no bin is full.
    FillWord: "elastic", "strict"
);
words!(
    /// Which full bin goes first.
    OrderWord: "formed", "oldest", "shortest", "deadline"
);
words!(
    /// What happens to a request that is longer than its bin.
    OverrunWord: "finish", "climb", "recompute"
);
words!(
    /// What a budget counts.
    BudgetWord: "padded", "cost"
);
words!(
    /// Why a batch left.
    ReasonWord: "light_load", "overdue", "full", "elastic", "drain", "expired"
);
