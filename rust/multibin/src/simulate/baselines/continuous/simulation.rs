//! The event loop of continuous batching: arrivals and ends of spans. No batch is formed.
//!
//! Nothing can change at a chunk's end unless a row has ended or a request waits for a free slot.
//! So all chunks until then are one span, timed at once.

use std::collections::BTreeSet;

use super::join_queue::JoinQueue;
use super::server::Server;
use super::slot::Slot;
use super::span_costs::SpanCosts;
use crate::request::Reason;
use crate::simulate::arrival_process::ArrivalProcess;
use crate::simulate::baselines::continuous_order::ContinuousOrder;
use crate::simulate::clock::{checked, seconds};
use crate::simulate::error::SimulateError;
use crate::simulate::records::{BatchRecord, Outcome, Recorder, RequestColumns};
use crate::simulate::workload::{Servers, Workload};

/// A simulation of continuous batching that runs.
pub(in crate::simulate::baselines) struct ContinuousSimulation<'a> {
    workload: &'a Workload,
    costs: SpanCosts,
    /// Slots of a server.
    rows: usize,
    queue: JoinQueue<'a>,
    servers: Vec<Server>,
    now: u64,
    arrivals: ArrivalProcess<'a>,
    /// Slots without a row, of all servers.
    free: usize,
    /// Servers without rows.
    idle: BTreeSet<usize>,
    /// Ends of the running spans.
    ends: BTreeSet<(u64, usize)>,
    records: Recorder<'a>,
}

impl<'a> ContinuousSimulation<'a> {
    pub(in crate::simulate::baselines) fn new(
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
            queue: JoinQueue::new(&workload.predicted, order),
            servers: vec![Server::default(); servers.count],
            now: 0,
            arrivals: ArrivalProcess::new(&workload.arrivals),
            free: rows as usize * servers.count,
            idle: (0..servers.count).collect(),
            ends: BTreeSet::new(),
            records: Recorder::new(requests),
        }
    }

    /// Runs until no event is left.
    pub(in crate::simulate::baselines) fn run(mut self) -> Result<Outcome, SimulateError> {
        while let Some(next) = self.next_event() {
            self.now = checked(next)?;
            self.arrive();
            self.end_spans();
        }
        Ok(Outcome { batches: self.records.finish(), ..Outcome::default() })
    }

    /// Returns when the next event happens. While no slot is free, arrivals only wait, so they are
    /// taken together with the next end of a span.
    fn next_event(&self) -> Option<u64> {
        let end = self.ends.first().map(|&(time, _)| time);
        let arrival = self.arrivals.next_event().filter(|_| self.free > 0);
        [arrival, end].into_iter().flatten().min()
    }

    /// Takes the requests that have arrived. An idle server starts with the first one; the others
    /// join at the end of a chunk.
    fn arrive(&mut self) {
        while let Some((request, arrival)) = self.arrivals.take(self.now) {
            self.records.arrive(request, seconds(arrival));
            self.queue.push(request as u32);
            if let Some(server) = self.idle.pop_first() {
                self.open_batch(server);
                self.refill(server);
            } else if self.free > 0 {
                self.shorten_spans();
            }
        }
    }

    fn end_spans(&mut self) {
        let mut ended = Vec::new();
        while let Some(&(end, server)) = self.ends.first()
            && end <= self.now
        {
            self.ends.pop_first();
            let ended_rows = self.servers[server].end_span(&self.costs, &mut self.records);
            (0..ended_rows).for_each(|_| self.arrivals.complete(self.now));
            self.free += ended_rows;
            ended.push(server);
        }
        for server in ended {
            self.refill(server);
        }
    }

    /// Ends the spans of servers with a free slot at the end of their chunk: a request waits.
    fn shorten_spans(&mut self) {
        for (index, server) in self.servers.iter_mut().enumerate() {
            if server.rows() < self.rows
                && let Some(planned) = server.shorten_span(&self.costs, self.now)
            {
                self.ends.remove(&(planned, index));
                self.ends.insert((server.span_end(), index));
            }
        }
    }

    /// Adds a batch record for a server that was idle.
    fn open_batch(&mut self, server: usize) {
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
            resident: 0,
            resident_tokens: 0,
        });
    }

    /// Gives the server's free slots to waiting requests and starts a span. A server without rows
    /// becomes idle.
    fn refill(&mut self, index: usize) {
        if self.servers[index].rows() == 0 && self.queue.is_empty() {
            self.idle.insert(index);
            return;
        }
        while self.servers[index].rows() < self.rows
            && let Some(request) = self.queue.pop()
        {
            self.servers[index].join(slot(self.workload, request));
            self.free -= 1;
        }
        self.servers[index].start_span(&self.costs, self.now, &mut self.records);
        self.ends.insert((self.servers[index].span_end(), index));
    }
}

fn slot(workload: &Workload, request: u32) -> Slot {
    let i = request as usize;
    let cached = workload.cached.get(i).copied().unwrap_or(0);
    Slot { request, age: workload.prompts[i], cached, left: workload.actual[i], new: true }
}
