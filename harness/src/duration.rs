//! Durations as case files write them: `10s`, `500ms`, `2m`.

use std::time::Duration;

/// The duration that `written` stands for; `None` where it is none, or zero, or beyond counting.
pub(crate) fn parse(written: &str) -> Option<Duration> {
    let digits = written.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = written.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let duration = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.checked_mul(60)?),
        _ => return None,
    };
    // A year is no limit, and its end could lie beyond what the clock can count.
    (!duration.is_zero() && duration <= Duration::from_secs(365 * 24 * 3600)).then_some(duration)
}

/// A duration in the unit that suits it, in the form that [`parse`] reads where it is even.
pub(crate) fn show(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    match milliseconds {
        0 => format!("{duration:?}"),
        _ if milliseconds.is_multiple_of(60_000) => format!("{}m", milliseconds / 60_000),
        _ if milliseconds.is_multiple_of(1000) => format!("{}s", milliseconds / 1000),
        1000.. => format!("{:.2}s", duration.as_secs_f64()),
        _ => format!("{milliseconds}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_and_a_unit_is_a_duration() {
        let table = [
            ("10s", Some(10_000)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("0s", None),
            ("10", None),
            ("s", None),
            ("", None),
            ("-1s", None),
            ("+1s", None),
            ("1.5s", None),
            ("1 s", None),
            ("1h", None),
            ("99999999999999999999s", None),
            ("18446744073709551615m", None),
            ("18446744073709551615s", None),
        ];
        for (written, milliseconds) in table {
            assert_eq!(parse(written), milliseconds.map(Duration::from_millis), "{written:?}");
        }
    }

    #[test]
    fn a_shown_duration_reads_well() {
        let table = [(500, "500ms"), (10_000, "10s"), (120_000, "2m"), (1234, "1.23s")];
        for (milliseconds, shown) in table {
            assert_eq!(show(Duration::from_millis(milliseconds)), shown);
        }
    }
}
