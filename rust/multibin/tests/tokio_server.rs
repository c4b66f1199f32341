//! The example of a server in tokio: with many callers, a batch that fails, and a close.
#![cfg(not(loom))]

#[path = "../examples/tokio_server/main.rs"]
#[allow(dead_code, reason = "the test has a main of its own")]
mod tokio_server;

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// Starts a server that ends when the sender sends.
async fn start() -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    (place, stop, tokio::spawn(tokio_server::serve(listener, stopped)))
}

type Stream = BufReader<TcpStream>;

async fn connect(place: SocketAddr) -> Stream {
    BufReader::new(TcpStream::connect(place).await.unwrap())
}

async fn send(stream: &mut Stream, line: &str) {
    stream.write_all(format!("{line}\n").as_bytes()).await.unwrap();
}

async fn answer(stream: &mut Stream) -> String {
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    answer.trim_end().to_owned()
}

/// Sends lines to the server, each when the one before it has its answer.
async fn ask(place: SocketAddr, lines: Vec<String>) -> Vec<String> {
    let mut stream = connect(place).await;
    let mut answers = Vec::new();
    for line in lines {
        send(&mut stream, &line).await;
        answers.push(answer(&mut stream).await);
    }
    answers
}

#[tokio::test]
async fn callers_get_their_own_answers() {
    let (place, stop, server) = start().await;
    let mut callers = JoinSet::new();
    for caller in 0..20 {
        let lines = (0..5).map(|i| format!("{}{caller}", "ab".repeat(i + 1))).collect::<Vec<_>>();
        callers.spawn(async move { (lines.clone(), ask(place, lines).await) });
    }
    for (lines, answers) in callers.join_all().await {
        let expected: Vec<_> = lines.iter().map(|line| line.to_uppercase()).collect();
        assert_eq!(answers, expected);
    }
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_batch_that_fails_is_answered_and_the_next_one_runs() {
    let (place, stop, server) = start().await;
    assert_eq!(ask(place, vec![String::new(), "next".into()]).await, ["error", "NEXT"]);
    stop.send(()).unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn what_was_sent_before_the_close_is_answered() {
    let (place, stop, server) = start().await;
    let mut callers = Vec::new();
    for _ in 0..30 {
        let mut stream = connect(place).await;
        send(&mut stream, "hello").await;
        assert_eq!(answer(&mut stream).await, "HELLO");
        callers.push(stream);
    }
    let mut idle = callers.pop().unwrap();
    for stream in &mut callers {
        send(stream, &"long".repeat(25)).await;
    }
    // Batches take a tenth of a second: most callers wait when the first one is answered.
    assert_eq!(answer(&mut callers[0]).await, "LONG".repeat(25));
    stop.send(()).unwrap();
    server.await.unwrap();
    for stream in &mut callers[1..] {
        assert_eq!(answer(stream).await, "LONG".repeat(25));
    }
    assert_eq!(answer(&mut idle).await, "");
}

#[tokio::test]
async fn a_caller_that_hangs_up_holds_nothing_up() {
    let (place, stop, server) = start().await;
    for _ in 0..40 {
        send(&mut connect(place).await, "gone").await;
    }
    assert_eq!(ask(place, vec!["here".into()]).await, ["HERE"]);
    stop.send(()).unwrap();
    server.await.unwrap();
}
