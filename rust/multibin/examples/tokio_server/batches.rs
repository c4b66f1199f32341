//! What knows of batches in the server: callers that ask, and the worker that answers them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::{collections::HashMap, sync::Mutex};

use multibin::{Config, Edges, Options, Scheduler, Ticket};
use tokio::{sync::oneshot, task::spawn_blocking};

/// A scheduler of texts, and what its worker needs to answer their callers.
pub struct Batches {
    pub scheduler: Scheduler,
    questions: Mutex<HashMap<u64, (String, oneshot::Sender<String>)>>,
    keys: AtomicU64,
}

impl Batches {
    pub fn new() -> Self {
        let edges = Edges::new(&[0, 16, 32, 64, 128]).expect("they increase");
        let scheduler = Scheduler::new(edges, Config::new(8)).expect("a configuration");
        Self { scheduler, questions: Mutex::default(), keys: AtomicU64::new(0) }
    }

    /// Waits for room, then for the answer. There is none if the batch fails, or after the close.
    pub async fn ask(&self, text: String) -> Option<String> {
        let (key, length) = (self.keys.fetch_add(1, Ordering::Relaxed), text.len() as u32);
        let (sender, answer) = oneshot::channel();
        self.questions.lock().unwrap().insert(key, (text, sender));
        let mut asked = Asked { batches: self, key, ticket: None };
        let submit = self.scheduler.submit_async(key, length, &Options::new());
        asked.ticket = Some(submit.await.ok()?);
        answer.await.ok()
    }

    /// Takes batches until the scheduler is closed and empty.
    pub async fn work(&self, model: fn(&[String]) -> Vec<String>) {
        let worker = self.scheduler.worker();
        while let Ok(batch) = worker.next_batch_async(None).await {
            let question = |key| self.questions.lock().unwrap().remove(&key);
            let rows = batch.rows().iter().filter_map(|row| question(row.key));
            let (texts, senders): (Vec<_>, Vec<_>) = rows.unzip();
            // If the model panics, the senders go, and their callers get no answer.
            if let Ok(answers) = spawn_blocking(move || model(&texts)).await {
                for (sender, answer) in senders.into_iter().zip(answers) {
                    // An error says that the caller has gone.
                    let _ = sender.send(answer);
                }
                batch.done();
            }
        }
    }
}

/// Takes a request back when its caller goes away, whose future is then dropped.
struct Asked<'a> {
    batches: &'a Batches,
    key: u64,
    ticket: Option<Ticket>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.batches.questions.lock().unwrap().remove(&self.key);
        self.ticket.map(|ticket| self.batches.scheduler.cancel(ticket));
    }
}
