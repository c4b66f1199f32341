//! The handle of a recording.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use super::entry::Record;
use super::error::RecordError;
use super::files::Files;
use super::progress::{self, Progress};
use super::writer::{Message, Writer};

/// The most records that wait to be written.
const QUEUE: u64 = 1 << 16;
/// Room for messages that the recording is closed.
const CLOSED: usize = 1 << 6;
/// The most records that enter the queue at a time.
const BLOCK: usize = 1 << 10;

/// Records requests that ended. Cheap to clone; clones share it. The file is closed once the last
/// clone is dropped and all records are written.
///
/// In a child of a fork it records nothing: the file belongs to the process that opened it.
///
/// ```
/// use std::time::Duration;
/// use multibin::record::{End, Record, Recorder};
///
/// let path = std::env::temp_dir().join(format!("multibin-{}.jsonl", std::process::id()));
/// let recorder = Recorder::open(path.clone(), 1 << 20, 4, |failure| eprintln!("{failure}"))?;
/// assert!(recorder.push(Record::new(Duration::from_secs(1), End::Expired)).is_ok());
/// assert!(recorder.flush(Duration::from_secs(10)));
/// assert!(std::fs::read_to_string(&path)?.ends_with("\"end\": \"expired\"}\n"));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Recorder(Arc<Handle>);

struct Handle {
    path: PathBuf,
    queue: SyncSender<Message>,
    progress: Arc<Progress>,
}

impl Recorder {
    /// Opens a file to append to it, and starts the thread that writes.
    ///
    /// No file has more than `max_bytes`, unless a line alone has. Of a full file and those before
    /// it `files` are kept, the current one included: `path`, `path.1` and so on, the newest first.
    /// If nothing more can be written, that thread calls `stopped` once, without a lock, and later
    /// records are dropped.
    ///
    /// # Errors
    /// [`RecordError`] if the file cannot be written, is that of another recording or of something
    /// else.
    pub fn open(
        path: PathBuf,
        max_bytes: u64,
        files: u64,
        stopped: impl FnOnce(&str) + Send + 'static,
    ) -> Result<Self, RecordError> {
        let opened = Files::open(&path, max_bytes, files)?;
        let (queue, records) = sync_channel(QUEUE as usize + CLOSED);
        let progress = Arc::new(Progress::new());
        let own = Arc::clone(&progress);
        let write = move || {
            let writer = Writer { files: opened, queue: records, progress: &own };
            let failure = writer.run().err().map(|error| error.to_string());
            own.end(failure.clone());
            if let Some(failure) = failure {
                stopped(&failure);
            }
        };
        thread::Builder::new()
            .name("multibin-record".to_owned())
            .spawn(write)
            .map_err(|error| RecordError::Refused(path.clone(), error))?;
        progress::register(Arc::downgrade(&progress));
        Ok(Self(Arc::new(Handle { path, queue, progress })))
    }

    /// Puts a record into the queue. It never waits for the file.
    ///
    /// # Errors
    /// The record, which is dropped: there is no room, the recording has ended, or this is a forked
    /// child.
    #[inline]
    pub fn push(&self, record: Record) -> Result<(), Record> {
        if self.send(1, || Message::Record(record)) { Ok(()) } else { Err(record) }
    }

    /// Puts records into the queue, many at a time; those without room are dropped and counted.
    pub(crate) fn push_all(&self, mut records: impl Iterator<Item = Record>) {
        loop {
            let block: Box<[_]> = records.by_ref().take(BLOCK).collect();
            if block.is_empty() {
                return;
            }
            self.send(block.len() as u64, || Message::Records(block));
        }
    }

    /// Sends a message of so many records; returns false if it was refused.
    #[inline]
    fn send(&self, records: u64, message: impl FnOnce() -> Message) -> bool {
        let Handle { queue, progress, .. } = &*self.0;
        if progress.is_forked() || !progress.admit(records, QUEUE) {
            return false;
        }
        let accepted = queue.try_send(message()).is_ok();
        if !accepted {
            progress.refuse(records);
        }
        accepted
    }

    /// Waits until all records so far are in the file, for `timeout` at most. Returns true if they
    /// are, or if the recording has ended. Blocking.
    #[must_use]
    pub fn flush(&self, timeout: Duration) -> bool {
        !self.is_forked() && self.0.progress.wait(timeout)
    }

    /// Closes the recording: records that come are dropped. Waits until the others are in the file
    /// and the file is closed, for `timeout` at most. Returns true if that is done. Blocking.
    ///
    /// ```
    /// use std::time::Duration;
    /// use multibin::record::{End, Record, Recorder};
    ///
    /// let path = std::env::temp_dir().join(format!("multibin-close-{}", std::process::id()));
    /// let recorder = Recorder::open(path.clone(), 1 << 20, 1, |_| ())?;
    /// assert!(recorder.close(Duration::from_secs(10)));
    /// assert!(recorder.push(Record::new(Duration::ZERO, End::Lost)).is_err());
    /// assert_eq!((recorder.written(), recorder.dropped()), (0, 1));
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn close(&self, timeout: Duration) -> bool {
        if self.is_forked() {
            return false;
        }
        self.0.progress.close();
        // Wakes a writer that sleeps; one that has work looks by itself.
        let _ = self.0.queue.try_send(Message::Closed);
        self.0.progress.wait_for_end(timeout)
    }

    /// Returns the path of the current file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns how many records are in files.
    #[must_use]
    pub fn written(&self) -> u64 {
        if self.is_forked() { 0 } else { self.0.progress.written() }
    }

    /// Returns how many records were dropped: there was no room, or the recording had ended.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        if self.is_forked() { 0 } else { self.0.progress.dropped() }
    }

    /// Returns why the recording stopped; `None` while it goes on, and after it was closed.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        if self.is_forked() { None } else { self.0.progress.failure() }
    }

    /// Returns true in a child of the process that opened it.
    #[must_use]
    pub fn is_forked(&self) -> bool {
        self.0.progress.is_forked()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Recorder").field(&self.0.path).finish()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.is_forked() {
            // The queue may be locked by a thread that the child does not have.
            std::mem::forget(Arc::clone(&self.0));
        }
    }
}

/// Waits until every recording of this process has written what it has, for `timeout` at most.
///
/// ```
/// multibin::record::flush_all(std::time::Duration::from_secs(1));
/// ```
pub fn flush_all(timeout: Duration) {
    let end = Instant::now() + timeout;
    for progress in progress::live() {
        if let Some(progress) = progress.upgrade()
            && !progress.is_forked()
        {
            progress.wait(end.saturating_duration_since(Instant::now()));
        }
    }
}
