//! Continuous batching: an event loop of its own, because no batch is formed.
//!
//! Nothing can change at a chunk's end unless a row has ended or a request came for a free slot, so
//! all chunks until then are one span, timed at once.

mod server;

use std::collections::BTreeSet;

use self::server::{Server, Slot, SpanCosts};
use super::arrivals::Source;
use super::baselines::{ContinuousOrder, Lanes, Lengths};
use super::clock::{reached, seconds};
use super::error::SimulateError;
use super::records::{BatchRecord, Outcome, Recorder, RequestColumns};
use super::workload::{Servers, Workload};
use crate::request::Reason;

/// A simulation while it runs.
pub(super) struct Continuous<'a> {
    workload: &'a Workload,
    costs: SpanCosts,
    /// Slots of a server.
    rows: usize,
    queue: Queue<'a>,
    servers: Vec<Server>,
    now: u64,
    source: Source<'a>,
    /// Slots without a row, of all servers.
    free: usize,
    /// Servers without rows.
    idle: BTreeSet<usize>,
    /// Ends of the running spans.
    ends: BTreeSet<(u64, usize)>,
    records: Recorder<'a>,
}

/// The requests that wait, in the order in which they join.
struct Queue<'a> {
    predicted: &'a [u32],
    order: ContinuousOrder,
    /// None: all in one lane.
    lengths: Option<Lengths>,
    waiting: Lanes,
}

impl<'a> Queue<'a> {
    fn new(predicted: &'a [u32], order: ContinuousOrder) -> Self {
        let lengths = (order != ContinuousOrder::Fifo).then(|| Lengths::new(predicted));
        let waiting = match &lengths {
            None => Lanes::new(1, predicted.len()),
            Some(lengths) => lengths.lanes(predicted.len()),
        };
        Self { predicted, order, lengths, waiting }
    }

    fn push(&mut self, request: u32) {
        let length = self.predicted[request as usize];
        let lane = self.lengths.as_ref().map_or(0, |lengths| lengths.lane(length));
        self.waiting.push(lane, request);
    }

    fn pop(&mut self) -> Option<u32> {
        let lane = match self.order {
            ContinuousOrder::Fifo => Some(0),
            ContinuousOrder::Longest => self.waiting.highest(),
            ContinuousOrder::Shortest => self.waiting.at_least(0),
        };
        self.waiting.pop(lane?)
    }
}

impl<'a> Continuous<'a> {
    pub(super) fn new(
        workload: &'a Workload,
        servers: &Servers,
        rows: u32,
        chunk: u32,
        order: ContinuousOrder,
        requests: RequestColumns<'a>,
    ) -> Self {
        Self {
            workload,
            costs: SpanCosts::new(&servers.costs, chunk),
            rows: rows as usize,
            queue: Queue::new(&workload.predicted, order),
            servers: vec![Server::default(); servers.count],
            now: 0,
            source: Source::new(&workload.arrivals),
            free: rows as usize * servers.count,
            idle: (0..servers.count).collect(),
            ends: BTreeSet::new(),
            records: Recorder::new(requests),
        }
    }

    /// Plays until nothing happens any more.
    pub(super) fn play(mut self) -> Result<Outcome, SimulateError> {
        while let Some(next) = self.next_event() {
            self.now = reached(next)?;
            self.arrive();
            self.end_spans();
        }
        Ok(Outcome { batches: self.records.batches, ..Outcome::default() })
    }

    /// When the next thing happens. While no slot is free, arrivals only wait: they are taken
    /// together with the next end of a span.
    fn next_event(&self) -> Option<u64> {
        let end = self.ends.first().map(|&(time, _)| time);
        let arrival = self.source.peek().filter(|_| self.free > 0);
        [arrival, end].into_iter().flatten().min()
    }

    /// An idle server starts with the request that arrives first, the others join at the end of a chunk.
    fn arrive(&mut self) {
        while let Some((request, arrival)) = self.source.next(self.now) {
            self.records.requests.arrival[request] = seconds(arrival);
            self.queue.push(request as u32);
            if let Some(server) = self.idle.pop_first() {
                self.open(server);
                self.refill(server);
            } else if self.free > 0 {
                self.hurry();
            }
        }
    }

    fn end_spans(&mut self) {
        let mut ended = Vec::new();
        while let Some(&(end, server)) = self.ends.first()
            && end <= self.now
        {
            self.ends.pop_first();
            let ended_rows = self.servers[server].end(&self.costs, &mut self.records);
            (0..ended_rows).for_each(|_| self.source.complete(self.now));
            self.free += ended_rows;
            ended.push(server);
        }
        for server in ended {
            self.refill(server);
        }
    }

    /// A request waits for a slot: every server that has one ends at the end of its chunk.
    fn hurry(&mut self) {
        for (index, server) in self.servers.iter_mut().enumerate() {
            if server.rows() < self.rows
                && let Some(planned) = server.hurry(&self.costs, self.now)
            {
                self.ends.remove(&(planned, index));
                self.ends.insert((server.until(), index));
            }
        }
    }

    /// A new batch record.
    fn open(&mut self, server: usize) {
        let batches = &mut self.records.batches;
        self.servers[server].batch = batches.start.len() as u32;
        batches.push(&BatchRecord {
            start: seconds(self.now),
            finish: f64::NAN,
            rows: 0,
            steps: 0,
            bin: 0,
            reason: Reason::Elastic,
            server: server as u32,
            parked: 0,
        });
    }

    /// Gives the server's free slots to requests that wait, and goes on.
    fn refill(&mut self, index: usize) {
        if self.servers[index].rows() == 0 && self.queue.waiting.waiting() == 0 {
            self.idle.insert(index);
            return;
        }
        while self.servers[index].rows() < self.rows
            && let Some(request) = self.queue.pop()
        {
            self.servers[index].join(slot(self.workload, request));
            self.free -= 1;
        }
        self.servers[index].start(&self.costs, self.now, &mut self.records);
        self.ends.insert((self.servers[index].until(), index));
    }
}

fn slot(workload: &Workload, request: u32) -> Slot {
    let (age, left) = (workload.prompts[request as usize], workload.actual[request as usize]);
    Slot { request, age, left, new: true }
}
