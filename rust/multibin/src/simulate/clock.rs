//! The virtual clock: seconds as whole ticks, each a nanosecond, or a power of two of nanoseconds
//! in a run that is too long for these.
//!
//! A run with coarser ticks is the run of a workload whose times are all divided by that power, and
//! its recorded times are multiplied by it. So the event loops know nanoseconds alone.

use std::borrow::Cow;
use std::time::Duration;

use super::arrivals::Arrivals;
use super::error::SimulateError;
use super::records::{Outcome, RequestColumns};
use super::workload::{Servers, Workload};
use crate::config::Config;

/// The last tick at which something may happen: sums of two times up to it do not wrap, and they stay
/// below those that mean *never*.
const LATEST: u64 = 1 << 63;

/// By how many bits a tick is longer where the one before was too short.
const COARSER: usize = 16;

/// Bits of the longest tick: every finite number of seconds lies before its [`LATEST`].
const COARSEST: u32 = 992;

/// The nearest tick, at least one: a batch that takes no time would end before it starts to count.
/// The last one of all, which no run reaches, for what is no finite number.
pub(super) fn nanoseconds(seconds: f64) -> u64 {
    let nanoseconds = (seconds * 1e9).round();
    if nanoseconds.is_nan() {
        return u64::MAX;
    }
    #[expect(clippy::cast_sign_loss, reason = "times are checked to be >= 0")]
    let nanoseconds = nanoseconds as u64;
    nanoseconds.max(1)
}

pub(super) fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 * 1e-9
}

/// The time of the next event, if the clock still counts then.
pub(super) fn reached(next: u64) -> Result<u64, SimulateError> {
    if next <= LATEST { Ok(next) } else { Err(SimulateError::Endless) }
}

/// Calls `run` with ticks of a nanosecond; where they do not last for the whole run, again from the
/// start with coarser ones, until they do.
pub(super) fn play(
    workload: &Workload,
    servers: &Servers,
    mut requests: RequestColumns<'_>,
    run: impl Fn(&Workload, &Servers, Tick, RequestColumns<'_>) -> Result<Outcome, SimulateError>,
) -> Result<Outcome, SimulateError> {
    for tick in (0..=COARSEST).step_by(COARSER).map(Tick) {
        let (workload, servers) = (tick.workload(workload), tick.servers(servers));
        match run(&workload, &servers, tick, requests.reborrow()) {
            Err(SimulateError::Endless) => {}
            Err(error) => return Err(error),
            Ok(outcome) => return tick.lengthened(outcome, requests),
        }
    }
    Err(SimulateError::Endless)
}

/// How long a tick is: so many bits of nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick(u32);

impl Tick {
    /// Nanoseconds of a tick.
    fn length(self) -> f64 {
        2f64.powi(self.0.cast_signed())
    }

    fn workload(self, workload: &Workload) -> Cow<'_, Workload> {
        if self == Self(0) {
            return Cow::Borrowed(workload);
        }
        Cow::Owned(Workload { arrivals: self.arrivals(&workload.arrivals), ..workload.clone() })
    }

    fn arrivals(self, arrivals: &Arrivals) -> Arrivals {
        let ticks = |times: &[u64]| {
            times.iter().map(|time| time.checked_shr(self.0).unwrap_or(0)).collect()
        };
        match arrivals {
            Arrivals::At(times) => Arrivals::At(ticks(times)),
            Arrivals::Users { count, pauses } => {
                Arrivals::Users { count: *count, pauses: ticks(pauses) }
            }
        }
    }

    fn servers(self, servers: &Servers) -> Cow<'_, Servers> {
        if self == Self(0) {
            return Cow::Borrowed(servers);
        }
        let costs = servers.costs.scaled(1.0 / self.length());
        Cow::Owned(Servers { costs, ..servers.clone() })
    }

    /// `config` with its wait in these ticks: one at least, where it is not 0.
    pub(super) fn config(self, config: &Config) -> Config {
        let ticks = |wait: Duration| {
            let ticks = wait.as_nanos().checked_shr(self.0).unwrap_or(0);
            let ticks = u64::try_from(ticks).unwrap_or(u64::MAX);
            Duration::from_nanos(ticks.max(u64::from(!wait.is_zero())))
        };
        Config { max_wait: config.max_wait.map(ticks), ..config.clone() }
    }

    /// What a run with these ticks recorded, in seconds.
    fn lengthened(
        self,
        mut outcome: Outcome,
        mut requests: RequestColumns<'_>,
    ) -> Result<Outcome, SimulateError> {
        if self == Self(0) {
            return Ok(outcome);
        }
        let mut finite = true;
        for time in outcome.times().chain(requests.times()) {
            *time *= self.length();
            finite &= !time.is_infinite();
        }
        if finite { Ok(outcome) } else { Err(SimulateError::Endless) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
