//! The notifier and a ring: no wake-up is lost.

use loom::thread::{self, JoinHandle};

use super::super::notifier::{NEVER, Notifier};
use super::super::ring::{Consumer, Ring, ring};
use crate::sync::Arc;

/// A notifier and the ring of its only bin.
#[derive(Clone)]
struct Side(Arc<Notifier>, Arc<Ring<u32>>);

fn sides() -> (Side, Worker) {
    let (ring, consumer) = ring::<u32>(2);
    let notifier = Arc::new(Notifier::new(1));
    (Side(Arc::clone(&notifier), ring), Worker { notifier, consumer, seen: 0 })
}

impl Side {
    /// Publishes one entry. Returns true if it must wake a waiter.
    fn submit(&self) -> bool {
        let (end, wake_after) = self.1.push_with(1, || self.0.check(0)).unwrap();
        self.0.should_wake(end, wake_after, || NEVER)
    }

    fn producer(&self) -> JoinHandle<bool> {
        let side = self.clone();
        thread::spawn(move || side.submit())
    }
}

struct Worker {
    notifier: Arc<Notifier>,
    consumer: Consumer<u32>,
    seen: u32,
}

impl Worker {
    fn collect(&mut self) {
        let Self { notifier, consumer, seen } = self;
        notifier.take_dirty(|_| consumer.pass(|value| *seen += value));
    }

    /// Arms and collects. Returns true if the worker may wait without a deadline.
    fn arm_and_collect(&mut self, wake_after: u64) -> bool {
        self.notifier.set_wake_after(0, wake_after);
        self.notifier.arm(false, NEVER);
        let mut left = false;
        let Self { notifier, consumer, seen } = self;
        notifier.take_dirty(|_| {
            left = consumer.pass(|value| *seen += value);
            left
        });
        self.seen == 0 && !left
    }
}

// Either the worker sees the claim when it collects, or the producer sees the armed notifier.
#[test]
fn no_wake_up_is_lost() {
    loom::model(|| {
        let (side, mut worker) = sides();
        let producer = side.producer();
        let waits = worker.arm_and_collect(0);
        let wakes = producer.join().unwrap();
        assert!(!waits || wakes);
    });
}

// Two entries complete a batch, and one producer may stall between claim and publication. The
// worker does not wait without a deadline while a full batch is there.
#[test]
fn a_stalled_claim_costs_no_wake_up() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (side, mut worker) = sides();
        let producers = [side.producer(), side.producer()];
        let waits = worker.arm_and_collect(1);
        let wakes = producers.map(|producer| producer.join().unwrap()).contains(&true);
        assert!(!waits || wakes, "it waits beside a full batch");
    });
}

// A worker that collects from dirty rings alone leaves no entry behind. Once the producers are
// done, it finds all that is left when it collects again.
#[test]
fn no_dirty_bit_is_lost() {
    loom::model(|| {
        let (side, mut worker) = sides();
        let producers = [side.producer(), side.producer()];
        worker.collect();
        for producer in producers {
            producer.join().unwrap();
        }
        worker.collect();
        assert_eq!(worker.seen, 2);
    });
}

// A producer that finds its bin dirty sets no bit; the worker that clears the bit sees its claim.
#[test]
fn no_claim_hides_behind_an_old_dirty_bit() {
    loom::model(|| {
        let (side, mut worker) = sides();
        side.submit();
        let producer = side.producer();
        worker.collect();
        producer.join().unwrap();
        worker.collect();
        assert_eq!(worker.seen, 2);
    });
}

// A worker clears the dirty bit, and sets it again for a claim that is not published. When it then
// waits, it reads that ring again.
#[test]
fn a_dirty_bit_that_is_left_keeps_the_worker_from_waiting() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (side, mut worker) = sides();
        let producers = [side.producer(), side.producer()];
        worker.collect();
        let before = worker.seen;
        worker.seen = 0;
        let waits = worker.arm_and_collect(u64::from(before));
        let wakes = producers.map(|producer| producer.join().unwrap()).contains(&true);
        assert!(!waits || wakes || before == 2, "it waits beside an entry");
    });
}

// The first entry of a bin is due before every deadline: a waiter is woken or sees the entry.
#[test]
fn an_entry_that_is_due_before_the_deadline_wakes() {
    loom::model(|| {
        let (side, mut worker) = sides();
        let producer = {
            let side = side.clone();
            thread::spawn(move || {
                let (end, wake_after) = side.1.push_with(1, || side.0.check(0)).unwrap();
                side.0.should_wake(end, wake_after, || 5)
            })
        };
        let waits = worker.arm_and_collect(2);
        let wakes = producer.join().unwrap();
        assert!(!waits || wakes);
    });
}
