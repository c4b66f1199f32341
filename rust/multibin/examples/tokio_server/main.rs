//! A TCP server in tokio: a caller sends a line and waits for its answer.
//!
//! Run it with `cargo run -p multibin --example tokio_server`, and ask it with
//! `nc 127.0.0.1 8000`. Ctrl-C ends it when all callers are answered.

mod batches;
mod caller;

use std::{io, sync::Arc, thread, time::Duration};

use batches::Batches;
use multibin::{Config, Edges, Scheduler};
use tokio::{net::TcpListener, select, sync::watch, task::JoinSet};

/// Stands for a model: a batch takes as long as its longest text, and fails if one is empty.
fn model(texts: &[String]) -> Vec<String> {
    let longest = texts.iter().map(String::len).max().unwrap_or(0);
    thread::sleep(Duration::from_millis(longest as u64));
    assert!(texts.iter().all(|text| !text.is_empty()), "a text must not be empty");
    texts.iter().map(|text| text.to_uppercase()).collect()
}

/// Serves callers until `stop` ends, and then answers those that wait.
pub(crate) async fn serve(listener: TcpListener, stop: impl Future) {
    let edges = Edges::new(&[0, 16, 32, 64, 128]).expect("they increase");
    let scheduler = Scheduler::new(edges, Config::new(8)).expect("a configuration");
    let batches = Arc::new(Batches::new(scheduler));
    let (open, closed) = watch::channel(());
    let (mut worker, mut callers) = (JoinSet::new(), JoinSet::new());
    worker.spawn(Arc::clone(&batches).work(model));
    tokio::pin!(stop);
    for key in 0.. {
        select! {
            _ = &mut stop => break,
            Ok((stream, _)) = listener.accept() => {
                let (batches, closed) = (Arc::clone(&batches), closed.clone());
                callers.spawn(caller::talk(stream, key, batches, closed));
            }
            Some(_) = callers.join_next() => {}
        }
    }
    drop(open); // Callers that send nothing are left.
    callers.join_all().await;
    batches.scheduler.close(); // The worker ends.
    worker.join_all().await;
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:8000").await?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, tokio::signal::ctrl_c()).await;
    Ok(())
}
