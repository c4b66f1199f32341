//! A process forks while other threads use a scheduler: the child is told so, and never hangs.
#![cfg(all(unix, not(loom)))]

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;
use std::{pin::Pin, thread};

use multibin::{
    Batch, Config, Edges, NextBatch, NextError, ResubmitError, Scheduler, SubmitError, Worker,
};

const ROUNDS: usize = 50;

struct Held {
    scheduler: Scheduler,
    worker: Worker,
    batch: Batch,
    next: NextBatch,
}

fn new() -> Scheduler {
    Scheduler::new(Edges::new(&[0, 10]).unwrap(), Config::new(4)).unwrap()
}

fn panics<R>(call: impl FnOnce() -> R) -> bool {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(_) => false,
        Err(panic) => {
            panic.downcast_ref::<String>().is_some_and(|said| said.contains("before a fork"))
        }
    }
}

/// In the child: everything says that it is one.
fn refuses(held: Held) -> bool {
    let Held { scheduler, worker, batch, mut next } = held;
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

fn fork(held: Held) -> bool {
    // SAFETY: the child calls nothing but this library and `_exit`; its memory is its own.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: these may be called at any time. One that hangs is killed.
        unsafe { libc::alarm(20) };
        let right = catch_unwind(AssertUnwindSafe(|| refuses(held))).unwrap_or(false);
        // SAFETY: as above.
        unsafe { libc::_exit(i32::from(!right)) };
    }
    let mut status = -1;
    // SAFETY: `status` is ours.
    let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
    held.batch.done();
    ended == child && status == 0
}

#[test]
fn a_child_is_refused_and_does_not_hang() {
    // The hook takes locks of the standard library.
    std::panic::set_hook(Box::new(|_| {}));
    let scheduler = new();
    let over = AtomicBool::new(false);
    let rounds = thread::scope(|scope| {
        for _ in 0..2 {
            // It sleeps, and holds the forming lock, at any time.
            scope.spawn(|| {
                let worker = scheduler.worker();
                while let Ok(batch) = worker.next_batch(None) {
                    batch.done();
                }
            });
        }
        scope.spawn(|| {
            for key in 0.. {
                let _ = scheduler.submit(key, 1);
                if over.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let rounds = (0..ROUNDS).take_while(|_| {
            let worker = scheduler.worker();
            let mut next = worker.next_batch_async(None);
            let _ = Pin::new(&mut next).poll(&mut Context::from_waker(Waker::noop()));
            let Ok(batch) = worker.next_batch(Some(Duration::from_secs(20))) else { return false };
            fork(Held { scheduler: scheduler.clone(), worker, batch, next })
        });
        let rounds = rounds.count();
        over.store(true, Ordering::Relaxed);
        scheduler.close();
        rounds
    });
    assert_eq!(rounds, ROUNDS);
}
