//! The thread that writes records.

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use super::entry::Record;
use super::files::Files;
use super::line;
use super::progress::Progress;

/// How long records come together before they are written.
const GATHER: Duration = Duration::from_millis(20);

/// What goes through the queue.
pub(super) enum Message {
    Record(Record),
    /// The records of one call.
    Records(Box<[Record]>),
    /// The recording is closed.
    Closed,
}

pub(super) struct Writer<'a> {
    pub(super) files: Files,
    pub(super) queue: Receiver<Message>,
    pub(super) progress: &'a Progress,
}

impl Writer<'_> {
    /// Writes until the recording is closed or dropped, and the queue is empty. While there are no
    /// records it sleeps.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut line = Vec::with_capacity(256);
        while let Ok(first) = self.queue.recv() {
            let mut more = self.write(first, &mut line)?;
            while more && self.progress.pause(GATHER) {
                match self.queue.try_recv() {
                    Ok(next) => more = self.write(next, &mut line)?,
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            if self.progress.is_closed() {
                return self.finish(&mut line);
            }
        }
        Ok(())
    }

    /// Writes a record and those behind it. Returns true if there were any.
    fn write(&mut self, first: Message, line: &mut Vec<u8>) -> io::Result<bool> {
        let mut any = false;
        let mut next = Some(first);
        while let Some(message) = next {
            any |= !matches!(message, Message::Closed);
            match message {
                Message::Record(record) => self.add(&[record], line)?,
                Message::Records(records) => self.add(&records, line)?,
                Message::Closed => {}
            }
            next = self.queue.try_recv().ok();
        }
        self.progress.settle(self.files.write()?);
        Ok(any)
    }

    fn add(&mut self, records: &[Record], line: &mut Vec<u8>) -> io::Result<()> {
        self.progress.take(records.len() as u64);
        for record in records {
            line.clear();
            line::write(line, record);
            self.progress.settle(self.files.add(line)?);
        }
        Ok(())
    }

    /// Writes what is left.
    fn finish(&mut self, line: &mut Vec<u8>) -> io::Result<()> {
        while let Ok(next) = self.queue.try_recv() {
            self.write(next, line)?;
        }
        Ok(())
    }
}
