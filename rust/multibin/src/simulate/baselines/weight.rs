//! The weight of a request in [`Baseline::HeaviestBin`](super::Baseline::HeaviestBin).

/// What a request weighs in its bin.
///
/// ```
/// use multibin::Edges;
/// use multibin::simulate::{Baseline, Weight};
///
/// let (edges, weight) = (Edges::new(&[0, 32, 128])?, Weight::WaitSquared);
/// let heaviest = Baseline::HeaviestBin { batch_size: 8, edges, weight, light_load: true };
/// assert!(format!("{heaviest:?}").contains("WaitSquared"));
/// # Ok::<(), multibin::EdgesError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Its wait since arrival.
    Wait,
    /// Its wait since arrival, squared.
    WaitSquared,
}
