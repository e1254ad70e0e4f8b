//! What was found: the figures, their ratios, and whether an aim is met. [`markdown`] shows them.

mod markdown;

use serde::Serialize;

use crate::machine::Machine;
use crate::rounds::Plan;

/// Everything one run has found.
#[derive(Serialize)]
pub(crate) struct Report {
    /// What it was measured on.
    pub(crate) machine: Machine,
    /// Rounds per server and case.
    pub(crate) rounds: usize,
    /// Length of a round, in seconds.
    pub(crate) round_seconds: f64,
    /// How to read [`Figures`], for who has the JSON alone.
    pub(crate) units: &'static str,
    /// One entry for each case.
    pub(crate) cases: Vec<CaseReport>,
    /// Start and rest; absent when single cases were asked for.
    pub(crate) lifecycle: Option<LifecycleReport>,
    /// A thousand readers of one application's events; absent when other cases were asked for.
    pub(crate) fanout: Option<FanoutReport>,
    /// Two entries, first and deep page, for each size.
    pub(crate) growth: Vec<GrowthReport>,
    /// What is done in bulk, or among very much.
    pub(crate) bulk: Vec<BulkReport>,
    /// Build times; empty without `--builds`.
    pub(crate) builds: Vec<BuildFigure>,
}

impl Report {
    /// A report that holds nothing yet.
    pub(crate) fn new(machine: Machine, plan: &Plan) -> Report {
        Report {
            machine,
            rounds: plan.rounds,
            round_seconds: plan.round.as_secs_f64(),
            units: "p50, p99 and cpu_per_request in microseconds; ratios are the product's figure over the other's",
            cases: Vec::new(),
            lifecycle: None,
            fanout: None,
            growth: Vec::new(),
            bulk: Vec::new(),
            builds: Vec::new(),
        }
    }
}

/// The four figures of a round, of the median over rounds, or, without units, of a ratio between two servers.
#[derive(Serialize, Clone, Copy)]
pub(crate) struct Figures {
    /// Answers per second, over all connections.
    pub(crate) requests_per_second: f64,
    /// Latency that half of the requests do not exceed, in microseconds.
    pub(crate) p50: f64,
    /// Latency that 99 of 100 requests do not exceed, in microseconds.
    pub(crate) p99: f64,
    /// User and system time of the server's process per request, in microseconds.
    pub(crate) cpu_per_request: f64,
}

impl Figures {
    /// Each figure over the same figure of `other`.
    pub(crate) fn over(&self, other: &Figures) -> Figures {
        Figures {
            requests_per_second: self.requests_per_second / other.requests_per_second,
            p50: self.p50 / other.p50,
            p99: self.p99 / other.p99,
            cpu_per_request: self.cpu_per_request / other.cpu_per_request,
        }
    }
}

/// One round of load on one server.
#[derive(Serialize, Clone)]
pub(crate) struct Round {
    /// What the round gave.
    #[serde(flatten)]
    pub(crate) figures: Figures,
    /// Requests in this round.
    pub(crate) requests: u64,
    /// Share of the round for which the load generator's thread was on a core; near 1, it was the limit.
    pub(crate) generator_busy: f64,
}

/// One server under one load.
#[derive(Serialize)]
pub(crate) struct Measured {
    /// The median of each figure, taken by itself.
    pub(crate) median: Figures,
    /// In the order in which they ran.
    pub(crate) rounds: Vec<Round>,
}

/// What a case should reach.
#[derive(Clone, Copy)]
pub(crate) enum Aim {
    /// At most so many times bare hyper's CPU time per request.
    CpuOverHyper(f64),
    /// At least this share of the rows per second that raw rusqlite reaches in the same groups.
    RowsOverRawSqlite(f64),
    /// At least so many requests per second.
    RequestsPerSecond(f64),
}

/// An aim in words, and whether it is met.
#[derive(Serialize)]
pub(crate) struct Verdict {
    /// What is to be reached.
    pub(crate) aim: String,
    /// Whether the medians reach it.
    pub(crate) met: bool,
}

/// One case, with the product beside its baselines.
#[derive(Serialize)]
pub(crate) struct CaseReport {
    /// The name that `--case` takes.
    pub(crate) name: &'static str,
    /// Connections that sent at the same time.
    pub(crate) connections: usize,
    /// Length of the product's answer without its head.
    pub(crate) body_bytes: usize,
    /// The program `chatkitty`.
    pub(crate) product: Measured,
    /// Bare hyper, sending the same bytes.
    pub(crate) hyper: Measured,
    /// Stock dropshot, sending the same JSON.
    pub(crate) dropshot: Measured,
    /// The product's medians over bare hyper's.
    pub(crate) over_hyper: Figures,
    /// The product's medians over stock dropshot's.
    pub(crate) over_dropshot: Figures,
    /// Rows per second of raw rusqlite in groups as large as the number of connections, for durable creates.
    pub(crate) raw_sqlite_rows_per_second: Option<f64>,
    /// The product's creates per second over those rows per second.
    pub(crate) over_raw_sqlite: Option<f64>,
    /// Absent where no aim is set.
    pub(crate) verdict: Option<Verdict>,
}

impl CaseReport {
    /// Compares what was measured; `measured` is product, hyper, dropshot.
    pub(crate) fn new(
        name: &'static str,
        connections: usize,
        body_bytes: usize,
        measured: [Measured; 3],
        raw_sqlite_rows_per_second: Option<f64>,
        aim: Option<Aim>,
    ) -> CaseReport {
        let [product, hyper, dropshot] = measured;
        let over_hyper = product.median.over(&hyper.median);
        let over_dropshot = product.median.over(&dropshot.median);
        let over_raw_sqlite = raw_sqlite_rows_per_second.map(|rows| product.median.requests_per_second / rows);
        let verdict = aim.map(|aim| match aim {
            Aim::CpuOverHyper(most) => {
                Verdict { aim: format!("CPU ≤ {most} × hyper"), met: over_hyper.cpu_per_request <= most }
            }
            Aim::RowsOverRawSqlite(least) => Verdict {
                aim: format!("req/s ≥ {least} × raw rusqlite"),
                met: over_raw_sqlite.is_some_and(|ratio| ratio >= least),
            },
            Aim::RequestsPerSecond(least) => {
                Verdict { aim: format!("req/s ≥ {least}"), met: product.median.requests_per_second >= least }
            }
        });
        CaseReport {
            name,
            connections,
            body_bytes,
            product,
            hyper,
            dropshot,
            over_hyper,
            over_dropshot,
            raw_sqlite_rows_per_second,
            over_raw_sqlite,
            verdict,
        }
    }
}

/// Start and rest.
#[derive(Serialize)]
pub(crate) struct LifecycleReport {
    /// From starting the process on an empty database to the first 200 of `/health/ready`, in milliseconds.
    pub(crate) first_start_ms: f64,
    /// The same on a database that exists.
    pub(crate) start_ms: f64,
    /// Resident memory after two idle seconds.
    pub(crate) idle_bytes: u64,
    /// On the slower of the two starts.
    pub(crate) start_verdict: Verdict,
    /// On the idle memory.
    pub(crate) idle_verdict: Verdict,
}

impl LifecycleReport {
    /// Judges both starts and the memory.
    pub(crate) fn new(first_start_ms: f64, start_ms: f64, idle_bytes: u64) -> LifecycleReport {
        let start_verdict = Verdict { aim: "< 100 ms".to_owned(), met: first_start_ms.max(start_ms) < 100.0 };
        let idle_verdict = Verdict { aim: "< 30 MB".to_owned(), met: idle_bytes < 30_000_000 };
        LifecycleReport { first_start_ms, start_ms, idle_bytes, start_verdict, idle_verdict }
    }
}

/// A burst of messages to many readers.
#[derive(Serialize)]
pub(crate) struct FanoutReport {
    /// Streams that were open.
    pub(crate) readers: u64,
    /// Messages of a burst, sent one after the other.
    pub(crate) messages: u64,
    /// Events that reached readers, from the first message of a burst to its last event at the last reader.
    pub(crate) events_per_second: f64,
    /// Messages per second of the one writer, on a server without readers.
    pub(crate) writes_without: f64,
    /// The same on the server with readers.
    pub(crate) writes_with: f64,
    /// The writer's rate with readers over its rate without; both share the cores with all readers.
    pub(crate) writes_over: f64,
}

impl FanoutReport {
    /// Compares the writer with and without readers.
    pub(crate) fn new(readers: u64, messages: u64, events_per_second: f64, without: f64, with: f64) -> FanoutReport {
        let (writes_without, writes_with, writes_over) = (without, with, with / without);
        FanoutReport { readers, messages, events_per_second, writes_without, writes_with, writes_over }
    }
}

/// How much dearer a page may be than the first page of the smallest channel before it counts as dearer at all. On a
/// machine that does other work too, medians of one and the same page differ by a fifth; a cost that grows with the
/// number of messages would show as a multiple.
const NOISE: f64 = 1.25;

/// One cursor page at one size.
#[derive(Serialize)]
pub(crate) struct GrowthReport {
    /// Messages in the channel.
    pub(crate) messages: u64,
    /// `first` or `deep`.
    pub(crate) page: &'static str,
    /// The page under load.
    pub(crate) measured: Measured,
    /// Over the first page at the smallest size.
    pub(crate) over_smallest: Figures,
    /// On CPU time per request.
    pub(crate) verdict: Verdict,
}

impl GrowthReport {
    /// Compares with `reference`, the first page at the smallest size.
    pub(crate) fn new(messages: u64, page: &'static str, measured: Measured, reference: &Figures) -> GrowthReport {
        let over_smallest = measured.median.over(reference);
        let verdict =
            Verdict { aim: format!("CPU ≤ {NOISE} × the smallest"), met: over_smallest.cpu_per_request <= NOISE };
        GrowthReport { messages, page, measured, over_smallest, verdict }
    }
}

/// A rate beside that of raw rusqlite doing the same to the same tables.
#[derive(Serialize)]
pub(crate) struct BulkReport {
    /// The name that `--case` takes.
    pub(crate) name: &'static str,
    /// What is counted, and among how much.
    pub(crate) counted: String,
    /// How many a second the product does; the median of the rounds.
    pub(crate) per_second: f64,
    /// User and system time of the product for each, in microseconds; the median of the rounds.
    pub(crate) cpu: f64,
    /// How many a second raw rusqlite does on one thread, in the same rounds.
    pub(crate) raw_per_second: f64,
    /// The product's rate over that of raw rusqlite.
    pub(crate) over_raw: f64,
    /// On the rate; absent where no aim is set.
    pub(crate) verdict: Option<Verdict>,
}

impl BulkReport {
    /// Compares the rates; at least `aim` a second are to be done, where there is an aim.
    pub(crate) fn new(
        name: &'static str,
        counted: String,
        product: (f64, f64),
        raw: f64,
        aim: Option<f64>,
    ) -> BulkReport {
        let (per_second, cpu) = product;
        let verdict = aim.map(|aim| Verdict { aim: format!("≥ {aim}/s"), met: per_second >= aim });
        BulkReport { name, counted, per_second, cpu, raw_per_second: raw, over_raw: per_second / raw, verdict }
    }
}

/// The time of one kind of build.
#[derive(Serialize)]
pub(crate) struct BuildFigure {
    /// What was built after which edit.
    pub(crate) name: &'static str,
    /// The median, in seconds.
    pub(crate) seconds: f64,
}

impl BuildFigure {
    /// Names a time.
    pub(crate) fn new(name: &'static str, seconds: f64) -> BuildFigure {
        BuildFigure { name, seconds }
    }
}
