//! Two queues in one slab against lists, first in, first out and as heaps.

use proptest::prelude::*;

use super::bin_queue::{BinQueue, Picked};
use super::entry::Entry;
use super::home::{Home, Owner};
use super::ranking::Ranking;
use super::slab::Slab;
use crate::request::Row;

const RUN: u64 = 130;

/// What may happen to a queue.
#[derive(Debug, Clone)]
enum Step {
    Push(u64),
    /// More than some blocks have.
    PushRun,
    Pop,
    Take(usize),
    Unlink(usize),
    /// Neighbours.
    UnlinkRun(usize),
    /// Those whose ticket is a multiple of it leave.
    Sift(u64),
    Clear,
    /// Of so many first entries those of the bits leave.
    Pick(usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..9u64).prop_map(Step::Push),
        1 => Just(Step::PushRun),
        2 => Just(Step::Pop),
        1 => (0..90usize).prop_map(Step::Take),
        6 => (0..300usize).prop_map(Step::Unlink),
        1 => (0..300usize).prop_map(Step::UnlinkRun),
        1 => (1..5u64).prop_map(Step::Sift),
        3 => (0..64usize, any::<u64>()).prop_map(|(first, bits)| Step::Pick(first, bits)),
        1 => prop_oneof![9 => Just(Step::Pop), 1 => Just(Step::Clear)],
    ]
}

/// A queue, and the positions and rows that should be in it, in order.
struct Pair {
    home: Home,
    queue: BinQueue,
    list: Vec<(u32, Row)>,
}

impl Pair {
    fn new(bin: usize) -> Self {
        let home = Home { owner: Owner::New, bin };
        Self { home, queue: BinQueue::EMPTY, list: Vec::new() }
    }

    fn push(&mut self, slab: &mut Slab, ticket: u64, deadline: u64) {
        let row = Row { ticket, deadline, ..Row::NONE };
        let entry = Entry { row, sequence: 2 * ticket, bypass_bound: 100 - ticket % 90 };
        self.list.push((self.queue.push(slab, self.home, entry), row));
        if slab.is_heap() {
            self.list.sort_by_key(|(_, row)| (row.deadline, row.ticket));
        }
    }

    fn apply(&mut self, slab: &mut Slab, step: &Step, ticket: u64) {
        let Self { home, queue, list } = self;
        match *step {
            Step::Push(deadline) => self.push(slab, ticket, deadline),
            Step::PushRun => (0..RUN).for_each(|i| self.push(slab, ticket + i, i % 7)),
            Step::Pop if !list.is_empty() => assert_eq!(queue.pop(slab), list.remove(0).1),
            Step::Take(count) if !list.is_empty() => {
                let (count, mut rows) = (count.min(list.len()), Vec::new());
                queue.take(slab, count, &mut rows);
                assert!(list.drain(..count).map(|(_, row)| row).eq(rows));
            }
            Step::Unlink(nth) if !list.is_empty() => {
                let nth = nth % list.len();
                assert_eq!(slab.home(list[nth].0), *home);
                unlink(queue, slab, list, nth);
            }
            Step::UnlinkRun(start) if !list.is_empty() => {
                let start = start % list.len();
                for _ in start..list.len().min(start + RUN as usize) {
                    unlink(queue, slab, list, start);
                }
            }
            Step::Sift(factor) if !list.is_empty() => {
                queue.retain(slab, |entry, _| entry.row.ticket % factor > 0);
                list.retain(|(_, row)| row.ticket % factor > 0);
                find_again(slab, list);
            }
            Step::Clear => {
                queue.clear(slab);
                list.clear();
            }
            Step::Pick(first, bits) => pick(queue, slab, list, first, bits),
            _ => {}
        }
    }

    fn check(&self, slab: &Slab) {
        let (queue, list) = (&self.queue, &self.list);
        assert_eq!(queue.len as usize, list.len());
        assert!(list.iter().all(|(at, row)| slab.ticket(*at) == Some(row.ticket)));
        assert!(list.iter().all(|(at, row)| slab.find(row.ticket) == Some(*at)));
        let (counted, tombstones) = queue.tombstones(slab);
        assert_eq!(counted, tombstones);
        let head = list.first().map(|(at, row)| (*at, row.ticket));
        let first = (queue.len > 0).then(|| (queue.first(), queue.head.ticket));
        assert_eq!(first, head);
        let mut entries: Vec<_> = queue.iter(slab).map(|(at, entry)| (at, entry.row)).collect();
        if slab.is_heap() {
            entries.sort_by_key(|(_, row)| (row.deadline, row.ticket));
            assert_eq!(&entries, list);
            return;
        }
        assert_eq!(&entries, list);
        let sequence = (1..=queue.len).map(|nth| queue.sequence_of(slab, nth));
        assert!(sequence.eq(list.iter().map(|(_, row)| 2 * row.ticket)));
        let bounds: Vec<_> = queue.with_bounds(slab).map(|(_, _, bound)| bound).collect();
        assert!(bounds.is_sorted());
        assert_eq!(bounds.first().copied().unwrap_or(u64::MAX), queue.head.bypass_bound);
        // Two neighbouring blocks hold more than one block of entries, except the first and the
        // last, and one behind which the last was begun.
        assert!(list.is_empty() || queue.blocks(slab) <= 2 * list.len() / 32 + 4);
    }
}

fn unlink(queue: &mut BinQueue, slab: &mut Slab, list: &mut Vec<(u32, Row)>, nth: usize) {
    let (at, row) = list.remove(nth);
    assert_eq!(queue.unlink(slab, at), row);
    assert_eq!(slab.find(row.ticket), None);
    find_again(slab, list);
}

fn pick(
    queue: &mut BinQueue,
    slab: &mut Slab,
    list: &mut Vec<(u32, Row)>,
    first: usize,
    bits: u64,
) {
    let leaves = |nth: usize| bits >> nth & 1 == 1;
    let (mut seen, mut picked) = (Vec::new(), Vec::new());
    queue.look(slab, first, |position, entry| {
        picked.push(Picked { position, place: seen.len() as u32, leaves: leaves(seen.len()) });
        seen.push((position, entry.row));
    });
    assert_eq!(seen, list[..first.min(list.len())]);
    queue.take_picked(slab, &mut picked);
    let mut nth = 0..;
    list.retain(|_| !nth.next().is_some_and(|nth| nth < first && leaves(nth)));
    find_again(slab, list);
    let places: Vec<usize> = (0..seen.len()).filter(|&nth| !leaves(nth)).collect();
    let stay = &picked[seen.len() - places.len()..];
    assert!(stay.iter().all(|entry| !entry.leaves));
    assert!(stay.iter().map(|entry| entry.place as usize).eq(places));
    assert!(stay.iter().zip(list).all(|(entry, (at, _))| entry.position == *at));
}

/// Takes over the positions to which the slab moved the entries.
fn find_again(slab: &Slab, list: &mut [(u32, Row)]) {
    for (at, row) in list {
        *at = slab.find(row.ticket).unwrap();
    }
}

proptest! {
    /// The ticket index has buckets for all tickets, or lets them collide.
    #[test]
    fn queues_are_lists(
        heap in any::<bool>(),
        buckets in prop_oneof![Just(64), Just(300 * RUN as usize)],
        steps in prop::collection::vec((0..2usize, step()), 0..300),
    ) {
        let ranking = if heap { Ranking::Deadline } else { Ranking::Ticket };
        let mut slab = Slab::new(300 * RUN as usize, 2, ranking).unwrap();
        slab.index_tickets(buckets).unwrap();
        let (room, mut pairs) = (slab.entries.capacity(), [Pair::new(0), Pair::new(1)]);
        for (ticket, (at, step)) in (0..).step_by(RUN as usize).zip(&steps) {
            pairs[*at].apply(&mut slab, step, ticket);
            pairs[*at].check(&slab);
        }
        let waiting: usize = pairs.iter().map(|pair| pair.list.len()).sum();
        let positions = slab.entries.iter().filter(|entry| entry.waits()).count();
        prop_assert_eq!(positions, waiting);
        prop_assert_eq!(slab.entries.capacity(), room);
        for pair in &mut pairs {
            pair.queue.clear(&mut slab);
            pair.queue.release(&mut slab);
        }
        prop_assert_eq!(slab.blocks.free_positions(), slab.entries.len());
    }
}
