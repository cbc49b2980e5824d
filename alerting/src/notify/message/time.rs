//! Times as JSON carries them.

use binnacle_storage::model::Timestamp;
use chrono::{DateTime, SecondsFormat, TimeZone, Utc};

/// What stands for "none" where Go writes a time.
pub const ZERO: &str = "0001-01-01T00:00:00Z";

/// To the nanosecond, without zeros at the end: as Go writes times in JSON.
pub fn precise(time: Timestamp) -> String {
    let text = utc(time).to_rfc3339_opts(SecondsFormat::Nanos, true);
    let whole = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{whole}Z")
}

/// To the millisecond, as Alertmanager's API writes times.
pub fn millis(time: Timestamp) -> String {
    utc(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A time in RFC 3339; the zero time is none.
pub fn parse(text: &str) -> Result<Option<Timestamp>, String> {
    let time = DateTime::parse_from_rfc3339(text).map_err(|error| format!("'{text}': {error}"))?;
    if time == DateTime::parse_from_rfc3339(ZERO).expect("it is a time") {
        return Ok(None);
    }
    let nanos = time.timestamp_nanos_opt();
    nanos.map(|nanos| Some(Timestamp(nanos))).ok_or_else(|| format!("'{text}' is too far away"))
}

fn utc(time: Timestamp) -> DateTime<Utc> {
    Utc.timestamp_nanos(time.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_receivers_know_them() {
        let time = Timestamp(1_795_309_043_230_000_000);
        assert_eq!(precise(time), "2026-11-22T00:57:23.23Z");
        assert_eq!(precise(Timestamp(1_795_309_040_000_000_000)), "2026-11-22T00:57:20Z");
        assert_eq!(millis(time), "2026-11-22T00:57:23.230Z");
        assert_eq!(parse("2026-11-22T01:57:23.23+01:00"), Ok(Some(time)));
        assert_eq!(parse(ZERO), Ok(None));
        assert!(parse("now").is_err());
        assert!(parse("9999-01-01T00:00:00Z").is_err());
        assert_eq!(precise(Timestamp(i64::MAX)).len(), 30);
    }
}
