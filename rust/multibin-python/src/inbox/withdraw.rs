//! What the futures of an inbox ask of it.

use pyo3::prelude::*;

use super::class::Inbox;
use crate::future::class::Future;
use crate::future::delivery::Delivery;
use crate::future::owner::Functions;
use crate::future::state::Phase;
use crate::interpreter::calls;

pub static FUNCTIONS: Functions = Functions { check, withdraw };

fn check(inbox: &Bound<'_, PyAny>) -> PyResult<()> {
    inbox.cast::<Inbox>()?.get().check_fork()
}

/// Takes the request of a future that has ended out of the scheduler or the line.
fn withdraw(py: Python<'_>, future: &Py<Future>, before: Phase, delivery: &mut Delivery) {
    let cancelled = usize::from(future.get().cancelled(py));
    match before {
        Phase::InLine(entry) => {
            if let Ok(inbox) = entry.owner.object(py).cast::<Inbox>() {
                let limit = inbox.get().limit.get();
                limit.counts.cancelled.add(cancelled);
                // Else the line has let it go meanwhile.
                limit.leave(py, future);
                inbox.get().left_line(py);
            }
            calls::release(py, entry.item);
        }
        Phase::Waiting(waiting) => {
            calls::release(py, waiting.item);
            let Ok(inbox) = waiting.owner.object(py).cast::<Inbox>() else { return };
            let inbox = inbox.get();
            inbox.limit.get().counts.cancelled.add(cancelled);
            if waiting.ticket.is_some_and(|ticket| inbox.core().cancel(ticket)) {
                inbox.free(py, &[waiting.slot], delivery);
            }
        }
        Phase::Running(owner) => {
            if let Ok(inbox) = owner.object(py).cast::<Inbox>() {
                inbox.get().limit.get().counts.cancelled.add(cancelled);
            }
        }
        _ => {}
    }
}
