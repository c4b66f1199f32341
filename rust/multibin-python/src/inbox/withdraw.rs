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
    match before {
        Phase::InLine(entry) => {
            if let Ok(inbox) = entry.owner.object(py).cast::<Inbox>() {
                inbox.get().limit.get().leave(py, future);
            }
            calls::release(py, entry.item);
        }
        Phase::Waiting(waiting) => {
            calls::release(py, waiting.item);
            let Ok(inbox) = waiting.owner.object(py).cast::<Inbox>() else { return };
            let inbox = inbox.get();
            if waiting.ticket.is_some_and(|ticket| inbox.core().cancel(ticket)) {
                inbox.free(py, &[waiting.slot], delivery);
            }
        }
        _ => {}
    }
}
