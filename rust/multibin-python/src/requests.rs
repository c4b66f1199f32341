//! The arguments of requests: the options of one, or the arrays of many.

use multibin::{Options, SubmitError};
use pyo3::prelude::*;

use crate::convert::arguments::{ArrayLike, Number};
use crate::convert::arrays::{self, durations, lengths, levels};
use crate::convert::refusal::wrong_size;
use crate::convert::scalars::{length, seconds};
use crate::interpreter::errors;

/// Converts the options of a request.
#[cold]
pub fn one(cost: Option<Number<'_>>, priority: u32, ttl: Option<Number<'_>>) -> PyResult<Options> {
    let mut options = Options::new().priority(priority);
    options.cost = cost.map(|given| length(&given, "cost")).transpose()?;
    options.ttl = ttl.map(|given| seconds(&given, "ttl")).transpose()?;
    Ok(options)
}

/// The arrays of a bulk call, checked.
pub struct Many {
    pub keys: Vec<u64>,
    pub lengths: Vec<u32>,
    /// Empty for requests of which only key and length are known.
    pub options: Vec<Options>,
}

impl Many {
    /// Checks keys and lengths, and costs, priorities and times to live.
    pub fn new(
        keys: &ArrayLike<'_>,
        lengths: &ArrayLike<'_>,
        columns: [Option<ArrayLike<'_>>; 3],
    ) -> PyResult<Self> {
        let keys = arrays::keys(keys, "keys")?;
        let lengths = arrays::lengths(lengths, "lengths")?;
        check_size("lengths", lengths.len(), keys.len())?;
        let options = options(keys.len(), columns.each_ref().map(Option::as_ref))?;
        Ok(Self { keys, lengths, options })
    }
}

/// Returns the options of `n` requests from costs, priorities and times to live; none without
/// these.
fn options(n: usize, columns: [Option<&ArrayLike<'_>>; 3]) -> PyResult<Vec<Options>> {
    let mut options = vec![Options::default(); columns.iter().flatten().next().map_or(0, |_| n)];
    let [costs, priorities, ttls] = columns;
    column(&mut options, costs, "costs", lengths, |options, cost| options.cost = Some(cost))?;
    column(&mut options, priorities, "priorities", levels, |options, priority| {
        options.priority = priority;
    })?;
    column(&mut options, ttls, "ttls", durations, |options, ttl| {
        options.ttl = ttl;
    })?;
    Ok(options)
}

fn column<T>(
    options: &mut [Options],
    given: Option<&ArrayLike<'_>>,
    argument: &str,
    parse: impl Fn(&ArrayLike<'_>, &str) -> PyResult<Vec<T>>,
    set: impl Fn(&mut Options, T),
) -> PyResult<()> {
    let Some(given) = given else { return Ok(()) };
    let given = parse(given, argument)?;
    check_size(argument, given.len(), options.len())?;
    options.iter_mut().zip(given).for_each(|(options, value)| set(options, value));
    Ok(())
}

/// Refuses arrays that have not one value for each key.
fn check_size(argument: &str, given: usize, keys: usize) -> PyResult<()> {
    if given == keys { Ok(()) } else { Err(wrong_size(argument, keys, "keys", given)) }
}

/// Returns the error of a bulk call; one about a request names its element.
///
/// The element is the first with the refused value: an earlier one would have been refused for it.
pub fn refused(error: SubmitError, lengths: &[u32], options: &[Options]) -> PyErr {
    let element = match error {
        SubmitError::Priority(priority) => {
            options.iter().position(|one| one.priority == priority).map(|at| ("priorities", at))
        }
        SubmitError::Budget { cost, padded, .. } => {
            let costs = |at: usize| options.get(at).and_then(|one| one.cost).filter(|_| !padded);
            let cost_of = |at: usize| u64::from(costs(at).unwrap_or(lengths[at]));
            let at = (0..lengths.len()).find(|&at| cost_of(at) == cost);
            at.map(|at| (costs(at).map_or("lengths", |_| "costs"), at))
        }
        _ => None,
    };
    match element {
        Some((array, at)) => errors::submit_element(error, &format!("{array}[{at}]")),
        None => errors::submit(error),
    }
}
