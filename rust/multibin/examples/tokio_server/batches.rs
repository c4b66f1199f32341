//! What knows of batches in the server: callers that ask, and the worker that answers them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use multibin::{Options, Scheduler, Ticket};
use tokio::{sync::oneshot, task::spawn_blocking};

/// A scheduler of texts, and what its worker needs to answer their callers.
pub struct Batches {
    pub scheduler: Scheduler,
    questions: Mutex<HashMap<u64, (String, oneshot::Sender<String>)>>,
}

impl Batches {
    pub fn new(scheduler: Scheduler) -> Self {
        Self { scheduler, questions: Mutex::default() }
    }

    /// Waits for room, then for the answer. There is none if the batch fails, or after the close.
    pub async fn ask(&self, key: u64, text: String) -> Option<String> {
        let submit = self.scheduler.submit_async(key, text.len() as u32, &Options::new());
        let mut asked = Asked { batches: self, key, ticket: None };
        let (sender, answer) = oneshot::channel();
        self.questions.lock().unwrap().insert(key, (text, sender));
        asked.ticket = Some(submit.await.ok()?);
        answer.await.ok()
    }

    /// Takes batches until the scheduler is closed and empty.
    pub async fn work(self: Arc<Self>, model: fn(&[String]) -> Vec<String>) {
        let worker = self.scheduler.worker();
        while let Ok(batch) = worker.next_batch_async(None).await {
            let question = |key| self.questions.lock().unwrap().remove(&key);
            let rows = batch.rows().iter().filter_map(|row| question(row.key));
            let (texts, senders): (Vec<_>, Vec<_>) = rows.unzip();
            // If the model panics, the senders go, and their callers get no answer.
            let Ok(answers) = spawn_blocking(move || model(&texts)).await else { continue };
            for (sender, answer) in senders.into_iter().zip(answers) {
                let _ = sender.send(answer); // An error says that the caller has gone.
            }
            batch.done();
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
