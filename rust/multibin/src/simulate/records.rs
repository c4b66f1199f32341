//! What a simulation records: columns of the requests and of the batches, and events.

mod batches;
mod outcome;
mod recorder;
mod requests;

pub(super) use batches::BatchRecord;
pub use batches::BatchRecords;
pub use outcome::{Outcome, Records, TimedEvent};
pub(super) use recorder::{Recorder, recorded};
pub(super) use requests::Entered;
pub use requests::{RequestColumns, RequestRecords};
