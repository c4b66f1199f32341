//! Submitting: a request is measured, gets room, and enters the scheduler.

use std::time::{Duration, Instant};

use multibin::Options;
use pyo3::prelude::*;

use super::class::Inbox;
use crate::convert::arguments::Number;
use crate::convert::scalars::{length, seconds};
use crate::convert::words::OnFull;
use crate::future::class::Future;
use crate::future::delivery::Delivery;
use crate::future::running::running_loop;
use crate::future::state::{Entry, Failure, Phase, Request, Waiting};
use crate::interpreter::{calls, errors};

/// What a call gives besides the item.
pub struct Given<'py> {
    pub length: Option<Number<'py>>,
    pub cost: Option<Number<'py>>,
    pub priority: u32,
    pub ttl: Option<Number<'py>>,
}

/// Makes the Python object of a future.
pub type Make = fn(Python<'_>, Phase) -> PyResult<Py<Future>>;

impl Inbox {
    /// Accepts an item; without room, does what `on_full` says.
    pub fn accept(
        this: &Bound<'_, Self>,
        item: Py<PyAny>,
        given: Given<'_>,
        timeout: Option<Duration>,
        make: Make,
    ) -> PyResult<Py<Future>> {
        let (py, inbox) = (this.py(), this.get());
        inbox.check_fork()?;
        let request = inbox.measure(py, &item, given)?;
        let cost = request.cost();
        let limit = inbox.limit.get();
        if !limit.take(py, cost) {
            limit.check(py, cost)?;
            match inbox.on_full {
                OnFull::Wait => return Self::line_up(this, item, request, timeout, make),
                OnFull::DropOldest if inbox.drop_oldest(py, cost) => {}
                _ => return Err(inbox.full(py)),
            }
        }
        let (owner, slot, ticket) = (Self::owner(this), 0, None);
        let future = make(py, Phase::Waiting(Waiting { owner, item, ticket, slot }));
        let future = future.inspect_err(|_| limit.give(py, 1, cost.into()))?;
        inbox.enter(py, &future, request)?;
        limit.counts.submitted.add(1);
        Ok(future)
    }

    /// Returns what the scheduler must know of an item.
    fn measure(&self, py: Python<'_>, item: &Py<PyAny>, given: Given<'_>) -> PyResult<Request> {
        let length = match given.length {
            Some(given) => length(&given, "length")?,
            None => measured(py, self.length.as_ref(), item, "length")?.unwrap_or(1),
        };
        let cost = match given.cost {
            Some(given) => Some(self::length(&given, "cost")?),
            None => measured(py, self.cost.as_ref(), item, "cost")?,
        };
        let ttl = given.ttl.map(|given| seconds(&given, "ttl")).transpose()?.or(self.ttl);
        let mut options = Options::new().priority(given.priority);
        (options.cost, options.ttl) = (cost, ttl);
        Ok(Request { length, options })
    }

    /// Gives a future, for which there is room, to the scheduler. If that refuses it, its room and
    /// its slot are free again.
    pub fn enter(&self, py: Python<'_>, future: &Py<Future>, request: Request) -> PyResult<()> {
        let Request { length, options } = request;
        let deadline = options.ttl.and_then(|ttl| Instant::now().checked_add(ttl));
        let slot = self.slab(py).insert(future.clone_ref(py), request.cost(), deadline);
        let submitted = if options == Options::default() {
            self.core().submit(slot.into(), length)
        } else {
            self.core().submit_with(slot.into(), length, &options)
        };
        match submitted {
            Ok(ticket) => {
                if !future.get().set_ticket(py, slot, ticket) && self.core().cancel(ticket) {
                    let mut delivery = Delivery::default();
                    self.free(py, &[slot], &mut delivery);
                    delivery.send(py);
                }
                if self.on_full == OnFull::DropOldest {
                    self.limit.get().note(py, future.clone_ref(py));
                }
                self.note_deadline(py, deadline);
                Ok(())
            }
            Err(error) => {
                let freed = self.slab(py).remove(slot.into());
                drop(freed);
                self.limit.get().give(py, 1, request.cost().into());
                Err(errors::submit_item(error))
            }
        }
    }

    /// Drops the oldest requests that wait until there is room; returns false if none is left.
    fn drop_oldest(&self, py: Python<'_>, cost: u32) -> bool {
        let limit = self.limit.get();
        let mut delivery = Delivery::default();
        let mut taken = false;
        while !taken {
            let Some(oldest) = limit.oldest(py) else { break };
            if oldest.get().is_waiting(py) {
                let failure = Failure::from_error(py, self.full(py));
                Future::end_early(&oldest, py, Phase::Failed(failure), &mut delivery);
                taken = limit.take(py, cost);
            }
        }
        delivery.send(py);
        taken
    }

    /// Returns the error of a request for which there is no room.
    fn full(&self, py: Python<'_>) -> PyErr {
        self.limit.get().counts.refused.add(1);
        let seconds = self.when_full.as_ref().map(|when| {
            calls::call(when.bind(py), ()).and_then(|seconds| seconds.extract::<Option<f64>>())
        });
        match seconds.transpose() {
            Ok(seconds) => errors::full(self.limit.get().depth(py), seconds.flatten()),
            Err(error) => error,
        }
    }

    /// Lets a request wait in line; a thread without an event loop waits with it.
    fn line_up(
        this: &Bound<'_, Self>,
        item: Py<PyAny>,
        request: Request,
        timeout: Option<Duration>,
        make: Make,
    ) -> PyResult<Py<Future>> {
        let (py, inbox) = (this.py(), this.get());
        // First, so that it is not idle from here on.
        inbox.joins_line();
        if inbox.core().is_closed() {
            inbox.left_line(py);
            return Err(errors::batcher_closed());
        }
        let deadline = request.options.ttl.and_then(|ttl| Instant::now().checked_add(ttl));
        let entry = Entry { owner: Self::owner(this), item, request, deadline };
        let future = make(py, Phase::InLine(Box::new(entry)));
        let future = future.inspect_err(|_| inbox.left_line(py))?;
        let limit = inbox.limit.get();
        limit.counts.submitted.add(1);
        limit.join(py, future.clone_ref(py), request.cost());
        inbox.note_deadline(py, deadline);
        // Room may have become free before it joined.
        let mut delivery = Delivery::default();
        Self::admit(py, limit, &mut delivery);
        delivery.send(py);
        if running_loop(py).is_none() {
            inbox.wait_in_line(py, &future, timeout)?;
        }
        Ok(future)
    }

    /// Waits until a future has left the line.
    fn wait_in_line(
        &self,
        py: Python<'_>,
        future: &Py<Future>,
        timeout: Option<Duration>,
    ) -> PyResult<()> {
        let is_out = |phase: &Phase| !matches!(phase, Phase::InLine(_));
        let one = future.get();
        let waited = one.park(py, timeout, is_out);
        if !one.is_in_line(py) {
            waited?;
            return Ok(());
        }
        let (end, error) = if let Err(error) = waited {
            (Phase::Cancelled(None), error)
        } else {
            let error = self.full(py);
            (Phase::Failed(Failure::from_error(py, error.clone_ref(py))), error)
        };
        let mut delivery = Delivery::default();
        Future::end_early(future, py, end, &mut delivery);
        delivery.send(py);
        Err(error)
    }
}

/// Returns what a function says of an item.
fn measured(
    py: Python<'_>,
    function: Option<&Py<PyAny>>,
    item: &Py<PyAny>,
    name: &str,
) -> PyResult<Option<u32>> {
    let Some(function) = function else { return Ok(None) };
    let found = calls::call_1(function.bind(py), item.bind(py))?;
    length(&Number(found), name).map(Some)
}
