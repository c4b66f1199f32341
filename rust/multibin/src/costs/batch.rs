//! What a batch is made of, and its times.

/// A row while its batch runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunningRow {
    /// Tokens that it has when the batch starts: its prompt and those generated.
    pub(crate) age: u32,
    /// Steps that it runs in this batch.
    pub(crate) steps: u32,
    /// Whether it starts here, so that its prompt is to be read.
    pub(crate) new: bool,
}

/// When things happen in a batch, in seconds after its start.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Timing {
    /// The first token of new rows.
    pub(crate) first: f64,
    /// The batch ends.
    pub(crate) end: f64,
}
