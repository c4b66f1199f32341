//! The virtual clock: seconds as whole ticks of a nanosecond. If a simulation is too long for
//! these, its ticks are a power of two of nanoseconds.
//!
//! A simulation with coarser ticks is that of a workload whose times are all divided by the power.
//! Its recorded times are multiplied by it. So the event loops know only nanoseconds.

use std::borrow::Cow;
use std::time::Duration;

use super::arrivals::Arrivals;
use super::error::SimulateError;
use super::records::{Outcome, RequestColumns};
use super::workload::{Servers, Workload};
use crate::config::Config;

/// The last tick at which an event may happen. Sums of two times up to it do not wrap, and they
/// stay below the times that mean *never*.
const MAX_TIME: u64 = 1 << 63;

/// Bits by which the next tick is longer where the one before was too short.
const COARSENING_BITS: usize = 16;

/// Bits of the longest tick: every finite number of seconds lies before its [`MAX_TIME`].
const MAX_TICK_BITS: u32 = 992;

/// Rounds to the nearest nanosecond, and to at least one: a batch of no time would end before it
/// starts to count. Returns `u64::MAX`, which no simulation reaches, for NaN.
pub(super) fn nanoseconds(seconds: f64) -> u64 {
    let nanoseconds = seconds * 1e9;
    if nanoseconds.is_nan() {
        return u64::MAX;
    }
    #[expect(clippy::cast_sign_loss, reason = "times are checked to be >= 0")]
    let whole = nanoseconds as u64;
    // The rest is exact, so that this rounds as `round` does, which calls a function.
    let half = nanoseconds - whole as f64 >= 0.5;
    whole.saturating_add(u64::from(half)).max(1)
}

/// Returns the seconds of whole nanoseconds.
#[inline]
pub(super) fn seconds(nanoseconds: u64) -> f64 {
    // One instruction converts a signed number.
    match i64::try_from(nanoseconds) {
        Ok(signed) => signed as f64 * 1e-9,
        Err(_) => seconds_unsigned(nanoseconds),
    }
}

#[cold]
fn seconds_unsigned(nanoseconds: u64) -> f64 {
    nanoseconds as f64 * 1e-9
}

/// Returns the time of an event, or an error if it lies beyond [`MAX_TIME`].
pub(super) fn checked(time: u64) -> Result<u64, SimulateError> {
    if time <= MAX_TIME { Ok(time) } else { Err(SimulateError::TimeOverflow) }
}

/// Simulates with ticks of a nanosecond. If times overflow, starts again with coarser ticks.
pub(super) fn run<F>(
    workload: &Workload,
    servers: &Servers,
    mut requests: RequestColumns<'_>,
    simulate: F,
) -> Result<Outcome, SimulateError>
where
    F: Fn(&Workload, &Servers, Tick, RequestColumns<'_>) -> Result<Outcome, SimulateError>,
{
    for tick in (0..=MAX_TICK_BITS).step_by(COARSENING_BITS).map(Tick) {
        let (workload, servers) = (tick.workload(workload), tick.servers(servers));
        match simulate(&workload, &servers, tick, requests.reborrow()) {
            Err(SimulateError::TimeOverflow) => {}
            Err(error) => return Err(error),
            Ok(outcome) => return tick.in_seconds(outcome, requests),
        }
    }
    Err(SimulateError::TimeOverflow)
}

/// The length of a tick, as the base-2 logarithm of its nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick(u32);

impl Tick {
    /// Returns the nanoseconds of a tick.
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

    /// Returns `config` with its `max_wait` in these ticks: at least one, unless it is 0.
    pub(super) fn config(self, config: &Config) -> Config {
        let ticks = |wait: Duration| {
            let ticks = wait.as_nanos().checked_shr(self.0).unwrap_or(0);
            let ticks = u64::try_from(ticks).unwrap_or(u64::MAX);
            Duration::from_nanos(ticks.max(u64::from(!wait.is_zero())))
        };
        Config { max_wait: config.max_wait.map(ticks), ..config.clone() }
    }

    /// Turns the times recorded with these ticks into seconds.
    fn in_seconds(
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
        if finite { Ok(outcome) } else { Err(SimulateError::TimeOverflow) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn times_are_rounded_to_the_nearest_nanosecond(
            ticks in prop_oneof![0u64..20, any::<u64>()], half in any::<bool>()
        ) {
            let seconds = (ticks as f64 + f64::from(u8::from(half)) / 2.0) * 1e-9;
            #[expect(clippy::cast_sign_loss, reason = "at least 0")]
            let rounded = (seconds * 1e9).round() as u64;
            prop_assert_eq!(nanoseconds(seconds), rounded.max(1));
            prop_assert_eq!(super::seconds(ticks), ticks as f64 * 1e-9);
        }
    }

    #[test]
    fn a_wait_lasts_at_least_one_tick() {
        let tick = Tick(48);
        let config = |wait| Config { max_wait: Some(wait), ..Config::new(2) };
        let waits = [0, 1, 1 << 50].map(|wait| config(Duration::from_nanos(wait)));
        let ticks = waits.map(|config| tick.config(&config).max_wait.unwrap().as_nanos());
        assert_eq!(ticks, [0, 1, 4]);
    }
}
