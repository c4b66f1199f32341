//! Values of the core as Python writes them.

use std::fmt::Write;
use std::time::Duration;

use multibin::costs::{BatchTimes, Measurements};
use multibin::{Adapt, Config, Edges, Scheduler, Stats};

pub fn edges(edges: &Edges) -> String {
    let mut text = String::from("Edges([");
    for (i, bound) in edges.bounds().iter().enumerate() {
        let _ = write!(text, "{}{bound}", if i == 0 { "" } else { ", " });
    }
    text + "])"
}

pub fn adapt(adapt: &Adapt) -> String {
    let Adapt { edges, gate, every, window, bins, hysteresis, overhead } = adapt;
    let bins = bins.map_or("None".to_owned(), |bins| bins.to_string());
    let [edges, gate] = [*edges, *gate].map(flag);
    format!(
        "Adapt(every={every}, window={window}, bins={bins}, gate={gate}, edges={edges}, \
         hysteresis={hysteresis:?}, overhead={overhead:?})"
    )
}

pub fn costs(times: &BatchTimes) -> String {
    let Measurements { rows, tokens, .. } = times.measurements();
    format!("<CostTable of {} rows x {} lengths>", rows.len(), tokens.len())
}

pub fn flag(on: bool) -> &'static str {
    if on { "True" } else { "False" }
}

pub fn seconds(duration: Duration) -> String {
    format!("{:?}", duration.as_secs_f64())
}

pub fn scheduler(scheduler: &Scheduler) -> String {
    let Stats { waiting, leased, .. } = scheduler.stats();
    let Config { batch_size, capacity, .. } = scheduler.config();
    let (bins, closed) = (scheduler.edges().bins(), flag(scheduler.is_closed()));
    format!(
        "Scheduler(bins={bins}, batch_size={batch_size}, capacity={capacity}, \
         waiting={waiting}, leased={leased}, closed={closed})"
    )
}
