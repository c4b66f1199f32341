//! A caller of the server: sends a line, gets a line back, and sends the next one.

use std::{io, sync::Arc};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::{net::TcpStream, select, sync::watch};

use super::batches::Batches;

/// Answers the lines of one caller until it hangs up or the server closes. It waits for one answer
/// at a time, so all its questions have one key.
pub async fn talk(
    stream: TcpStream,
    key: u64,
    batches: Arc<Batches>,
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
            answer = batches.ask(key, line.trim().into()) => answer,
            _ = stream.fill_buf() => return Ok(()), // It hung up, or did not wait.
        };
        let answer = answer.unwrap_or_else(|| "error".into());
        stream.write_all(format!("{answer}\n").as_bytes()).await?;
    }
}
