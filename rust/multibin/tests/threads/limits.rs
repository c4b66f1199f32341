//! Sizes that are refused.

use multibin::{Adapt, AdaptError, Config, ConfigError, Edges, Scheduler};

use crate::account::BOUNDS;

fn new(config: Config) -> Result<Scheduler, ConfigError> {
    Scheduler::new(Edges::new(&BOUNDS).unwrap(), config)
}

#[test]
fn a_capacity_beyond_the_memory_is_refused() {
    // 80 GiB: some machines have them.
    if let Err(error) = new(Config { capacity: 1 << 30, ..Config::new(4) }) {
        assert_eq!(error, ConfigError::Memory(1 << 30));
    }
}

/// Each would be as many terabytes if it was allocated before it is refused.
#[test]
fn impossible_sizes_are_refused_before_memory_is_allocated() {
    let refused = |config| new(config).unwrap_err();
    let size = 1 << 45;
    let bins = refused(Config { max_bins: Some(size), ..Config::new(4) });
    assert_eq!(bins, ConfigError::MaxBins(size));
    let adapt = Adapt { bins: Some(size), ..Adapt::default() };
    let adapted = refused(Config { adapt: Some(adapt), ..Config::new(4) });
    assert_eq!(adapted, ConfigError::Adapt(AdaptError::Bins(size)));
    let capacity = refused(Config { capacity: size, ..Config::new(4) });
    assert_eq!(capacity, ConfigError::Capacity(size));
    let rows = refused(Config::new(u32::MAX));
    assert_eq!(rows, ConfigError::NeverFull { batch_size: u32::MAX, capacity: 65_536 });
}
