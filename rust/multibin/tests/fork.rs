//! A process forks while other threads use a scheduler: every call of the child fails at once.
#![cfg(all(unix, not(loom)))]

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;
use std::{pin::Pin, thread};

use multibin::{
    Batch, Config, NextBatch, NextError, ResubmitError, Scheduler, SubmitError, Worker,
};

mod common;

const ROUNDS: usize = 50;

/// All handles that the child inherits.
struct Handles {
    scheduler: Scheduler,
    worker: Worker,
    batch: Batch,
    next: NextBatch,
}

fn new() -> Scheduler {
    common::scheduler(&[0, 10], Config::new(4))
}

/// Returns true if the call panics with the message about a fork.
fn panics<R>(call: impl FnOnce() -> R) -> bool {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(_) => false,
        Err(panic) => {
            panic.downcast_ref::<String>().is_some_and(|message| message.contains("before a fork"))
        }
    }
}

/// Returns true if every call of the child fails, and a scheduler of its own works.
fn refuses(handles: Handles) -> bool {
    let Handles { scheduler, worker, batch, mut next } = handles;
    let refused = [
        scheduler.is_forked(),
        scheduler.submit(1, 1) == Err(SubmitError::Forked),
        scheduler.submit_many(&[1], &[1]) == Err(SubmitError::Forked),
        worker.next_batch(None).err() == Some(NextError::Forked),
        next.try_next().and_then(Result::err) == Some(NextError::Forked),
        batch.resubmit(&[], false) == Err(ResubmitError::Forked),
        panics(|| batch.done()),
        panics(|| worker.close()),
        panics(|| scheduler.worker()),
        panics(|| scheduler.stats()),
        panics(|| scheduler.snapshot()),
        panics(|| scheduler.cancel(0)),
        panics(|| scheduler.close()),
        panics(|| scheduler.drain(None)),
        panics(|| scheduler.edges()),
    ];
    drop((batch, next, worker, scheduler));
    let own = new();
    let submitted = !own.is_forked() && own.submit(1, 1).is_ok();
    refused == [true; 15] && submitted && own.worker().next_batch(None).is_ok()
}

/// Forks, and returns true if the child passed its checks.
fn fork(handles: Handles) -> bool {
    // SAFETY: the child calls nothing but this library and `_exit`; its memory is its own.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: `alarm` may be called at any time. It kills a child that hangs.
        unsafe { libc::alarm(20) };
        let passed = catch_unwind(AssertUnwindSafe(|| refuses(handles))).unwrap_or(false);
        // SAFETY: `_exit` may be called at any time.
        unsafe { libc::_exit(i32::from(!passed)) };
    }
    let mut status = -1;
    // SAFETY: `status` lives until the call returns.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    handles.batch.done();
    ended == child && status == 0
}

#[test]
fn every_call_of_a_child_fails_and_none_hangs() {
    // The hook takes locks of the standard library.
    std::panic::set_hook(Box::new(|_| {}));
    let scheduler = new();
    let ended = AtomicBool::new(false);
    let rounds = thread::scope(|scope| {
        for _ in 0..2 {
            // At the fork, each worker may sleep or hold the forming lock.
            scope.spawn(|| common::serve(&scheduler, |_| {}));
        }
        scope.spawn(|| {
            for key in 0.. {
                let _ = scheduler.submit(key, 1);
                if ended.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let rounds = (0..ROUNDS).take_while(|_| {
            let worker = scheduler.worker();
            let mut next = worker.next_batch_async(None);
            let _ = Pin::new(&mut next).poll(&mut Context::from_waker(Waker::noop()));
            let Ok(batch) = worker.next_batch(Some(Duration::from_secs(20))) else { return false };
            fork(Handles { scheduler: scheduler.clone(), worker, batch, next })
        });
        let rounds = rounds.count();
        ended.store(true, Ordering::Relaxed);
        scheduler.close();
        rounds
    });
    assert_eq!(rounds, ROUNDS);
}
