//! Recording: what arrived, what was predicted and what became of it, as lines of JSON in files.
//!
//! A producer puts a [`Record`] into a bounded queue, and never waits: where there is no room, the
//! record is dropped and counted. A thread takes the records out and writes them (`writer`), into
//! files of bounded size (`files`). It holds no lock while it writes. `progress` is what the two
//! sides know of each other, and `recorder` the handle of the producers.

mod entry;
mod error;
mod files;
mod line;
mod lock;
mod progress;
mod recorder;
mod writer;

pub(crate) use self::entry::wall_clock;
pub use self::entry::{End, Record};
pub use self::error::RecordError;
pub use self::recorder::{Recorder, flush_all};
