//! A plan: what builds the firmware, and a table with a line per region, and the sum.

use fbuild_deploy::outcome::PlanSummary;
use fbuild_project::plain;

use crate::explain::columns;

/// The table's lines.
pub(crate) fn plan_table(plan: &PlanSummary) -> Vec<String> {
    let mut lines = Vec::from_iter(
        plan.built_by
            .as_ref()
            .map(|it| format!("build command: {it}")),
    );
    lines.extend(table(plan));
    lines
}

fn table(plan: &PlanSummary) -> Vec<String> {
    let Some(first) = plan.writes.first() else {
        return vec!["nothing to write".to_owned()];
    };
    let units = format!("{}s", first.unit.noun());
    let mut rows = vec![["region", &units, "runs", "KiB sent", "seconds"].map(str::to_owned)];
    let (mut sectors, mut runs, mut wire_bytes) = (0, 0, 0);
    for write in &plan.writes {
        rows.push([
            plain::line(&write.region).into_owned(),
            format!("{} of {}", write.sectors, write.sectors_total),
            write.runs.to_string(),
            write.wire_bytes.div_ceil(1024).to_string(),
            format!("{:.2}", write.predicted.as_secs_f64()),
        ]);
        sectors += write.sectors;
        runs += write.runs;
        wire_bytes += write.wire_bytes;
    }
    rows.push([
        "all".to_owned(),
        sectors.to_string(),
        runs.to_string(),
        wire_bytes.div_ceil(1024).to_string(),
        format!("{:.2}", plan.predicted.as_secs_f64()),
    ]);
    columns(&rows, [true, false, false, false, false])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fbuild_deploy::outcome::PlannedWrite;

    use super::*;

    #[test]
    fn columns_line_up() {
        let write = |region: &str, sectors, wire_bytes, millis| PlannedWrite {
            region: region.into(),
            unit: fbuild_deploy::outcome::Unit::Sector,
            sectors,
            sectors_total: 366,
            runs: 1,
            wire_bytes,
            delta_bytes: 0,
            predicted: Duration::from_millis(millis),
        };
        let plan = PlanSummary {
            writes: vec![
                write("firmware", 3, 4127, 310),
                write("nvs", 10, 100_000, 1205),
            ],
            predicted: Duration::from_millis(1520),
            built_by: Some("idf.py build".to_owned()),
        };
        assert_eq!(
            plan_table(&plan).join("\n"),
            "build command: idf.py build\n\
             region      sectors  runs  KiB sent  seconds\n\
             firmware   3 of 366     1         5     0.31\n\
             nvs       10 of 366     1        98     1.21\n\
             all              13     2       102     1.52"
        );
        assert_eq!(plan_table(&PlanSummary::default()), ["nothing to write"]);
    }
}
