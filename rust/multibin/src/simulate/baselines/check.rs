//! Refuses parameters of baselines.

use super::baseline::Baseline;
use crate::simulate::error::SimulateError;

impl Baseline {
    /// Checks the parameters.
    pub(super) fn validate(&self) -> Result<(), SimulateError> {
        match *self {
            Self::SortedWindow { window, ref sizes } => {
                at_least("window", window, 1)?;
                check_sizes(sizes)
            }
            Self::ShortestFirst { batch_size, .. }
            | Self::Nearest { batch_size, .. }
            | Self::HeaviestBin { batch_size, .. } => at_least("batch_size", batch_size, 1),
            Self::LookAhead { batch_size, window } => {
                at_least("batch_size", batch_size, 1)?;
                at_least("window", window, batch_size)
            }
            Self::Continuous { rows, chunk, .. } => {
                at_least("rows", rows, 1)?;
                at_least("chunk", chunk, 1)
            }
        }
    }
}

fn at_least(argument: &'static str, value: u32, min: u32) -> Result<(), SimulateError> {
    if value >= min { Ok(()) } else { Err(SimulateError::TooSmall { argument, value, min }) }
}

fn check_sizes(sizes: &[(u32, u32)]) -> Result<(), SimulateError> {
    if sizes.is_empty() {
        return Err(SimulateError::NoSizes);
    }
    for &(_, size) in sizes {
        at_least("batch_size", size, 1)?;
    }
    match sizes.windows(2).position(|pair| pair[0].0 >= pair[1].0) {
        Some(i) => {
            let (position, length, previous) = (i + 1, sizes[i + 1].0, sizes[i].0);
            Err(SimulateError::UnsortedSizes { position, length, previous })
        }
        None => Ok(()),
    }
}
