//! The report as Markdown tables.

use std::fmt::Write;

use super::{BulkReport, CaseReport, FanoutReport, Figures, GrowthReport, LifecycleReport, Measured, Report, Verdict};

impl Report {
    /// The whole report, for a terminal or a document.
    pub(crate) fn to_markdown(&self) -> String {
        let mut text = String::new();
        // Writing into a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let machine = &self.machine;
        writeln!(out, "- {} cores of {}, Linux {}", machine.cores, machine.cpu, machine.kernel)?;
        writeln!(out, "- {}, on {}", machine.durability, machine.file_system)?;
        let versions: Vec<_> = machine.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        writeln!(out, "- {}; commit {}; {}", machine.rustc, machine.commit, versions.join(", "))?;
        writeln!(
            out,
            "- medians over {} alternating rounds of {} s; the load generator shares the cores (load average before \
             the run: {})",
            self.rounds, self.round_seconds, machine.load_before
        )?;
        write_cases(out, &self.cases)?;
        write_baselines(out, &self.cases)?;
        if let Some(fanout) = &self.fanout {
            write_fanout(out, fanout)?;
        }
        if let Some(lifecycle) = &self.lifecycle {
            write_lifecycle(out, lifecycle)?;
        }
        write_growth(out, &self.growth)?;
        write_bulk(out, &self.bulk)?;
        if !self.builds.is_empty() {
            writeln!(out, "\n| build (debug profile) | seconds |\n|---|---:|")?;
            for build in &self.builds {
                writeln!(out, "| {} | {:.3} |", build.name, build.seconds)?;
            }
        }
        Ok(())
    }
}

fn write_cases(out: &mut String, cases: &[CaseReport]) -> std::fmt::Result {
    writeln!(
        out,
        "\n| case | connections | req/s | p50 µs | p99 µs | CPU µs/req | CPU × hyper | CPU × dropshot | aim | met? |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---|---|"
    )?;
    for case in cases {
        writeln!(
            out,
            "| {} | {} | {} | {:.2} | {:.2} | {} |",
            case.name,
            case.connections,
            figures(&case.product.median),
            case.over_hyper.cpu_per_request,
            case.over_dropshot.cpu_per_request,
            verdict(case.verdict.as_ref())
        )?;
    }
    Ok(())
}

fn write_baselines(out: &mut String, cases: &[CaseReport]) -> std::fmt::Result {
    writeln!(
        out,
        "\nThe baselines; in parentheses the product's figure over theirs. A generator near 100 % busy was itself the \
         limit of req/s.\n\n\
         | case | baseline | req/s | p50 µs | p99 µs | CPU µs/req | generator busy |\n|---|---|---:|---:|---:|---:|---:|"
    )?;
    for case in cases {
        for (name, baseline, over) in [
            ("bare hyper, same bytes", &case.hyper, &case.over_hyper),
            ("stock dropshot, same JSON", &case.dropshot, &case.over_dropshot),
        ] {
            let median = &baseline.median;
            writeln!(
                out,
                "| {} | {name} | {} ({:.2}) | {:.0} ({:.2}) | {:.0} ({:.2}) | {:.1} ({:.2}) | {:.0} % |",
                case.name,
                thousands(median.requests_per_second),
                over.requests_per_second,
                median.p50,
                over.p50,
                median.p99,
                over.p99,
                median.cpu_per_request,
                over.cpu_per_request,
                busy(baseline)
            )?;
        }
        if let (Some(rows), Some(over)) = (case.raw_sqlite_rows_per_second, case.over_raw_sqlite) {
            writeln!(
                out,
                "| {} | raw rusqlite, durable groups of {} | {} ({over:.2}) | | | | |",
                case.name,
                case.connections,
                thousands(rows)
            )?;
        }
    }
    Ok(())
}

fn write_fanout(out: &mut String, fanout: &FanoutReport) -> std::fmt::Result {
    writeln!(
        out,
        "\n| readers | messages in a burst | events/s at the readers | writes/s without readers | with | × without |\n\
         |---:|---:|---:|---:|---:|---:|"
    )?;
    writeln!(
        out,
        "| {} | {} | {} | {} | {} | {:.2} |",
        thousands(fanout.readers as f64),
        thousands(fanout.messages as f64),
        thousands(fanout.events_per_second),
        thousands(fanout.writes_without),
        thousands(fanout.writes_with),
        fanout.writes_over
    )
}

fn write_lifecycle(out: &mut String, lifecycle: &LifecycleReport) -> std::fmt::Result {
    let start = verdict(Some(&lifecycle.start_verdict));
    writeln!(out, "\n| start and rest | | aim | met? |\n|---|---:|---|---|")?;
    writeln!(out, "| start to ready, empty database | {:.0} ms | {start} |", lifecycle.first_start_ms)?;
    writeln!(out, "| start to ready, existing database | {:.0} ms | {start} |", lifecycle.start_ms)?;
    writeln!(
        out,
        "| resident memory, idle | {:.1} MB | {} |",
        lifecycle.idle_bytes as f64 / 1e6,
        verdict(Some(&lifecycle.idle_verdict))
    )
}

fn write_growth(out: &mut String, growth: &[GrowthReport]) -> std::fmt::Result {
    if growth.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n| messages | page | req/s | p50 µs | p99 µs | CPU µs/req | CPU × smallest | aim | met? |\n\
         |---:|---|---:|---:|---:|---:|---:|---|---|"
    )?;
    for page in growth {
        writeln!(
            out,
            "| {} | {} | {} | {:.2} | {} |",
            thousands(page.messages as f64),
            page.page,
            figures(&page.measured.median),
            page.over_smallest.cpu_per_request,
            verdict(Some(&page.verdict))
        )?;
    }
    Ok(())
}

fn write_bulk(out: &mut String, bulk: &[BulkReport]) -> std::fmt::Result {
    if bulk.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n| in bulk | of | per second | CPU µs each | raw rusqlite per second | over raw | aim | met? |\n\
         |---|---|---:|---:|---:|---:|---|---|"
    )?;
    for case in bulk {
        writeln!(
            out,
            "| {} | {} | {} | {:.1} | {} | {:.2} | {} |",
            case.name,
            case.counted,
            thousands(case.per_second),
            case.cpu,
            thousands(case.raw_per_second),
            case.over_raw,
            verdict(case.verdict.as_ref())
        )?;
    }
    Ok(())
}

fn figures(figures: &Figures) -> String {
    format!(
        "{} | {:.0} | {:.0} | {:.1}",
        thousands(figures.requests_per_second),
        figures.p50,
        figures.p99,
        figures.cpu_per_request
    )
}

fn verdict(verdict: Option<&Verdict>) -> String {
    match verdict {
        Some(verdict) => format!("{} | {}", verdict.aim, if verdict.met { "yes" } else { "no" }),
        None => "| ".to_owned(),
    }
}

/// The generator's busiest round, in percent.
fn busy(measured: &Measured) -> f64 {
    measured.rounds.iter().map(|round| round.generator_busy).fold(0.0, f64::max) * 100.0
}

/// A whole number with a comma between groups of three digits.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
