//! A TCP server in tokio: a caller sends a line and waits for its answer.
//!
//! Run it with `cargo run -p multibin --example tokio_server`, and ask it with
//! `nc 127.0.0.1 8000`. Ctrl-C ends it when all callers are answered.

#[path = "tokio_server/batches.rs"]
mod batches;

use std::{io, sync::Arc, thread, time::Duration};

use batches::Batches;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::{select, sync::watch, task::JoinSet};

/// Stands for a model: a batch takes as long as its longest text, and fails if one is empty.
fn model(texts: &[String]) -> Vec<String> {
    let longest = texts.iter().map(String::len).max().unwrap_or(0);
    thread::sleep(Duration::from_millis(longest as u64));
    assert!(texts.iter().all(|text| !text.is_empty()), "a text must not be empty");
    texts.iter().map(|text| text.to_uppercase()).collect()
}

/// Answers the lines of one caller until it hangs up or the server closes.
async fn talk(
    stream: TcpStream,
    batches: &Batches,
    mut closed: watch::Receiver<()>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = String::new();
        select! {
            biased; // What was sent before the close is answered.
            read = stream.read_line(&mut line) => if read? == 0 { return Ok(()) },
            _ = closed.changed() => return Ok(()),
        }
        let answer = select! {
            answer = batches.ask(line.trim().into()) => answer,
            _ = stream.fill_buf() => return Ok(()), // It hung up, or did not wait.
        };
        let answer = answer.unwrap_or_else(|| "error".into());
        stream.write_all(format!("{answer}\n").as_bytes()).await?;
    }
}

/// Serves callers until `stop` ends, and then answers those that wait.
pub async fn serve(listener: TcpListener, stop: impl Future) {
    let batches = Arc::new(Batches::new());
    let (open, closed) = watch::channel(());
    let (mut worker, mut callers) = (JoinSet::new(), JoinSet::new());
    let shared = Arc::clone(&batches);
    worker.spawn(async move { shared.work(model).await });
    tokio::pin!(stop);
    loop {
        select! {
            _ = &mut stop => break,
            Ok((stream, _)) = listener.accept() => {
                let (batches, closed) = (Arc::clone(&batches), closed.clone());
                callers.spawn(async move { talk(stream, &batches, closed).await });
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
