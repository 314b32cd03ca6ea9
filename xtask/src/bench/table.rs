//! Times as a table. The median says what to expect, the smallest what the machine can do when nothing
//! disturbs it; whoever is compared with another is so by the median.

use std::fmt::Write;
use std::time::Duration;

/// One line.
pub(super) struct Row<'a> {
    pub(super) name: &'a str,
    /// At least one.
    pub(super) times: &'a [Duration],
    /// The row whose times are called 1.
    pub(super) beside: Option<usize>,
}

/// The table, each time being that of so many cases.
pub(super) fn render(rows: &[Row], cases: u32) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    let mut table = format!("{:width$}    median       min    a case  to bwrap\n", "");
    for row in rows {
        let median = median(row.times).as_secs_f64();
        let least = row.times.iter().min().copied().unwrap_or_default().as_secs_f64();
        let each_ms = median * 1000.0 / f64::from(cases);
        let reference = row.beside.and_then(|place| rows.get(place));
        let ratio = reference.map_or_else(
            || "-".to_owned(),
            |reference| format!("{:.2}", median / self::median(reference.times).as_secs_f64()),
        );
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "{:width$}  {median:6.3} s  {least:6.3} s  {each_ms:5.2} ms  {ratio:>8}",
            row.name
        );
    }
    table
}

/// The middle one, or the mean of the middle two.
fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let upper = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    (lower + upper) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(of: [u64; 3]) -> [Duration; 3] {
        [Duration::from_secs(of[0]), Duration::from_secs(of[1]), Duration::from_secs(of[2])]
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&seconds([9, 1, 2])), Duration::from_secs(2));
        assert_eq!(median(&seconds([9, 1, 2])[..2]), Duration::from_secs(5));
        assert_eq!(median(&[]), Duration::ZERO);
    }

    #[test]
    fn a_row_is_compared_with_the_one_beside_it() {
        let rows = [
            Row { name: "bwrap", times: &seconds([4, 5, 3]), beside: Some(0) },
            Row { name: "belljar", times: &seconds([2, 1, 9]), beside: Some(0) },
            Row { name: "other", times: &seconds([1, 1, 1]), beside: None },
        ];
        let expected = "           median       min    a case  to bwrap
bwrap     4.000 s   3.000 s  40.00 ms      1.00
belljar   2.000 s   1.000 s  20.00 ms      0.50
other     1.000 s   1.000 s  10.00 ms         -
";
        assert_eq!(render(&rows, 100), expected);
    }
}
