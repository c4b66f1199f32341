//! What `submit_many` takes beside keys and lengths, and which element is to blame.

use multibin::{Options, SubmitError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{self, durations, lengths, levels};
use crate::convert::ArrayLike;
use crate::errors;

/// The arrays of a bulk call, checked.
pub struct Many {
    pub keys: Vec<u64>,
    pub lengths: Vec<u32>,
    /// Empty where nothing else is known.
    pub options: Vec<Options>,
}

impl Many {
    /// From keys and lengths, and from costs, priorities and times to live.
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

/// One for each of `n` requests, from costs, priorities and times to live; none without these.
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

/// Whether there is one value for each key.
fn check_size(argument: &str, given: usize, keys: usize) -> PyResult<()> {
    if given == keys {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("{argument}: {given} values for {keys} keys")))
}

/// The error of a request, with its place in the array in the place of the argument's name.
pub fn refused(error: SubmitError, lengths: &[u32], options: &[Options]) -> PyErr {
    let message = error.to_string();
    match (blamed(error, lengths, options), message.split_once(": ")) {
        (Some((array, at)), Some((_, why))) => errors::value(format!("{array}[{at}]: {why}")),
        _ => errors::submit(error),
    }
}

/// The first element with the value that was refused: any earlier one would have been refused for it.
fn blamed(
    error: SubmitError,
    lengths: &[u32],
    options: &[Options],
) -> Option<(&'static str, usize)> {
    match error {
        SubmitError::Priority(priority) => {
            let at = options.iter().position(|options| options.priority == priority)?;
            Some(("priorities", at))
        }
        SubmitError::Budget { cost, padded, .. } => {
            let given = |i: usize| options.get(i).and_then(|options| options.cost);
            let given = |i: usize| given(i).filter(|_| !padded);
            let costs = |&i: &usize| u64::from(given(i).unwrap_or(lengths[i])) == cost;
            let at = (0..lengths.len()).find(costs)?;
            Some((given(at).map_or("lengths", |_| "costs"), at))
        }
        _ => None,
    }
}
