//! How a figure is won: rounds that alternate between the subjects, then the median.

use std::time::Duration;

use serde::Serialize;

use crate::load::{self, Load};
use crate::report::{Figures, Measured};
use crate::server::Server;

/// How much is measured.
#[derive(Serialize)]
pub(crate) struct Plan {
    /// Rounds per subject.
    pub(crate) rounds: usize,
    /// Length of one round.
    pub(crate) round: Duration,
    /// Load before the first round that is not measured: caches fill, allocators settle.
    pub(crate) warm_up: Duration,
    /// Starts of the program that are timed.
    pub(crate) starts: usize,
}

impl Plan {
    /// Five rounds of three seconds.
    pub(crate) fn full() -> Plan {
        Plan { rounds: 5, round: Duration::from_secs(3), warm_up: Duration::from_millis(500), starts: 10 }
    }

    /// Three rounds of one second: shows that everything works; CPU time is coarse.
    pub(crate) fn quick() -> Plan {
        Plan { rounds: 3, round: Duration::from_secs(1), warm_up: Duration::from_millis(200), starts: 3 }
    }
}

/// Measures every subject in turn, `A B C A B C …`; `after_each` runs at the end of every turn.
///
/// # Errors
/// A round fails.
pub(crate) fn alternate(
    plan: &Plan,
    subjects: &[(&Server, &Load)],
    mut after_each: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Vec<Measured>> {
    for (server, load) in subjects {
        load::run(server, load, plan.warm_up)?;
    }
    let mut rounds = vec![Vec::with_capacity(plan.rounds); subjects.len()];
    for _ in 0..plan.rounds {
        for ((server, load), rounds) in subjects.iter().zip(&mut rounds) {
            rounds.push(load::run(server, load, plan.round)?);
        }
        after_each()?;
    }
    let measured = rounds.into_iter().map(|rounds| {
        let median_of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(|round| figure(&round.figures)));
        Measured {
            median: Figures {
                requests_per_second: median_of(|figures| figures.requests_per_second),
                p50: median_of(|figures| figures.p50),
                p99: median_of(|figures| figures.p99),
                cpu_per_request: median_of(|figures| figures.cpu_per_request),
            },
            rounds,
        }
    });
    Ok(measured.collect())
}

/// The middle value, or the mean of the two in the middle; 0 of nothing.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}
