//! The line of requests that wait for room.

use std::time::Instant;

use pyo3::prelude::*;

use super::class::Inbox;
use super::limit::Limit;
use crate::future::class::Future;
use crate::future::delivery::Delivery;
use crate::future::owner::Owner;
use crate::future::state::{Failure, Phase, Request};
use crate::interpreter::errors;

impl Inbox {
    /// Lets the head of the line in while there is room.
    pub fn admit(py: Python<'_>, limit: &Limit, delivery: &mut Delivery) {
        while let Some((future, cost)) = limit.next(py) {
            let Some((owner, request)) = future.get().leave_line(py) else {
                // It was cancelled meanwhile.
                limit.give(py, 1, cost.into());
                continue;
            };
            let entered = if let Some(request) = request {
                Self::enter_for(py, &owner, &future, request)
            } else {
                limit.give(py, 1, cost.into());
                Err(errors::expired())
            };
            if let Ok(inbox) = owner.object(py).cast::<Self>() {
                inbox.get().left_line(py);
            }
            if let Err(error) = entered {
                let count =
                    if request.is_some() { &limit.counts.failed } else { &limit.counts.expired };
                let failure = Failure::from_error(py, error);
                if let Some(before) = Future::finish(&future, py, Phase::Failed(failure), delivery)
                {
                    count.add(1);
                    before.discard(py);
                }
            }
        }
    }
}

impl Inbox {
    fn enter_for(
        py: Python<'_>,
        owner: &Owner,
        future: &Py<Future>,
        request: Request,
    ) -> PyResult<()> {
        let inbox = owner.object(py).cast::<Self>()?.get();
        inbox.enter(py, future, request)
    }
}

impl Future {
    /// Lets the request wait in the scheduler, not in line. Returns what the scheduler must know,
    /// or `None` if its time is over.
    fn leave_line(&self, py: Python<'_>) -> Option<(Owner, Option<Request>)> {
        self.change_line(py, |entry| {
            let Request { length, mut options } = entry.request;
            let now = Instant::now();
            match entry.deadline {
                Some(deadline) if deadline <= now => return None,
                Some(deadline) => options.ttl = Some(deadline - now),
                None => {}
            }
            Some(Request { length, options })
        })
    }
}
