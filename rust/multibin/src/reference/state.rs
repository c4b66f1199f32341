//! What waits, and how that changes.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Entry, Queue};
use crate::{Config, Edges, Fill, Options};

/// What waits in a scheduler that follows the rules.
pub(super) struct Reference {
    pub(super) edges: Edges,
    pub(super) config: Config,
    pub(super) waiting: Vec<Entry>,
    /// The highest bypass bound of the entries that were taken from the head of each queue since it
    /// was empty.
    pub(super) bound_floors: BTreeMap<Queue, u64>,
    /// With strict fill, the entries of a queue that a change of edges left behind: those with
    /// lower sequence numbers.
    pub(super) left_behind: BTreeMap<Queue, u64>,
    /// The tickets of the other batches of the last cut, while they are all that waits.
    pub(super) plan: Option<Vec<Vec<u64>>>,
    pub(super) tickets: u64,
    pub(super) entries: u64,
    pub(super) taken: u64,
    pub(super) closed: bool,
    pub(super) now: u64,
}

impl Reference {
    pub(super) fn new(edges: Edges, config: Config) -> Self {
        Self {
            edges,
            config,
            waiting: Vec::new(),
            bound_floors: BTreeMap::new(),
            left_behind: BTreeMap::new(),
            plan: None,
            tickets: 0,
            entries: 0,
            taken: 0,
            closed: false,
            now: 0,
        }
    }

    pub(super) fn submit(&mut self, key: u64, length: u32, options: Options) {
        let ticket = self.tickets;
        self.tickets += 1;
        self.enter(&Entry {
            key,
            ticket,
            length,
            progress: 0,
            bin: 0,
            sequence: 0,
            bypass_bound: 0,
            owner: None,
            parked: false,
            started: false,
            arrival: self.now,
            entered: 0,
            options,
        });
    }

    pub(super) fn enter(&mut self, entry: &Entry) {
        let ahead = self.waiting.len() as u64;
        self.plan = None;
        self.waiting.push(Entry {
            bin: self.edges.bin(entry.length).max(self.edges.bin(entry.progress)),
            sequence: self.entries,
            bypass_bound: self.bypass_bound(ahead),
            entered: self.now,
            ..entry.clone()
        });
        self.entries += 1;
    }

    /// Takes out up to `max` entries whose deadline has passed. Returns true if others stay.
    pub(super) fn expire(&mut self, max: usize) -> (Vec<(u64, u64)>, bool) {
        let expires = |entry: &Entry| entry.deadline().is_some_and(|at| at <= self.now);
        let (mut gone, mut rest): (Vec<_>, Vec<_>) =
            self.waiting.iter().cloned().partition(|entry| expires(entry));
        gone.sort_by_key(|entry| (entry.deadline(), entry.ticket));
        let stay = gone.split_off(max.min(gone.len()));
        let left = !stay.is_empty();
        if !gone.is_empty() {
            self.plan = None;
        }
        rest.extend(stay);
        self.waiting = rest;
        self.forget_empty();
        (gone.iter().map(|entry| (entry.key, entry.ticket)).collect(), left)
    }

    /// Removes a ticket; returns true if it waited.
    pub(super) fn cancel(&mut self, ticket: u64) -> bool {
        let waiting = self.waiting.len();
        self.waiting.retain(|entry| entry.ticket != ticket);
        self.forget_empty();
        let found = self.waiting.len() < waiting;
        if found {
            self.plan = None;
        }
        found
    }

    /// Takes rows. A row that leaves from behind one that stays passes its bypass bound on to the
    /// next one that stays.
    pub(super) fn take(&mut self, rows: &[Entry]) {
        let taken = |entry: &Entry| rows.iter().any(|row| row.ticket == entry.ticket);
        let (mut stays, mut passed_on) = (BTreeSet::new(), BTreeMap::<Queue, u64>::new());
        let ranked = self.is_ranked();
        for entry in self.waiting.iter_mut().filter(|_| !ranked) {
            let queue = entry.queue();
            if !taken(entry) {
                let passed_on = passed_on.remove(&queue).unwrap_or(0);
                entry.bypass_bound = entry.bypass_bound.max(passed_on);
                stays.insert(queue);
                continue;
            }
            let bounds =
                if stays.contains(&queue) { &mut passed_on } else { &mut self.bound_floors };
            let bound = bounds.entry(queue).or_default();
            *bound = entry.bypass_bound.max(*bound);
        }
        self.waiting.retain(|entry| !taken(entry));
        self.taken += rows.len() as u64;
        self.forget_empty();
    }

    /// Restarts what waits for `worker` as new requests, bin by bin.
    pub(super) fn drop_worker(&mut self, worker: usize) {
        let (mut orphans, rest): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|entry| entry.owner == Some(worker));
        orphans.sort_by_key(|entry| (entry.bin, entry.sequence));
        let ahead = (rest.len() + orphans.len()) as u64;
        self.waiting = rest;
        for entry in orphans {
            let sequence = self.entries;
            self.entries += 1;
            self.waiting.push(Entry {
                progress: 0,
                owner: None,
                parked: false,
                bin: self.edges.bin(entry.length),
                bypass_bound: self.bypass_bound(ahead),
                sequence,
                entered: self.now,
                ..entry
            });
        }
        self.forget_empty();
    }

    /// Replaces the edges. With strict fill, too few others may ever join the entries of a bin
    /// whose lengths change, so these are left behind. Where ranks decide, so is all that enters
    /// until the bin is empty.
    pub(super) fn set_edges(&mut self, edges: Edges) {
        let interval = |edges: &Edges, bin: usize| {
            let low = if bin == 0 { Some(0) } else { edges.bounds().get(bin).copied() };
            (bin < edges.bins()).then(|| (low, edges.upper(bin)))
        };
        for entry in &self.waiting {
            let altered = interval(&self.edges, entry.bin) != interval(&edges, entry.bin);
            if altered && self.config.fill == Fill::Strict {
                let before = if self.is_ranked() { u64::MAX } else { self.entries };
                self.left_behind.insert(entry.queue(), before);
            }
        }
        self.edges = edges;
    }

    /// Forgets what is remembered of queues that are empty.
    fn forget_empty(&mut self) {
        let waiting = &self.waiting;
        let waits = |queue: &Queue| waiting.iter().any(|entry| entry.queue() == *queue);
        self.bound_floors.retain(|queue, _| waits(queue));
        self.left_behind.retain(|queue, _| waits(queue));
    }
}
