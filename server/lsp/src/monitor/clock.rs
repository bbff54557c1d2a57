//! When something was printed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of day of moments on another clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WallClock {
    /// What that clock showed ...
    moment: Duration,
    /// ... when it was this late outside.
    time: SystemTime,
}

impl WallClock {
    /// It is `moment` on the other clock now.
    pub(crate) fn at(moment: Duration) -> Self {
        Self {
            moment,
            time: SystemTime::now(),
        }
    }

    /// When that was.
    pub(crate) fn time_of(&self, moment: Duration) -> SystemTime {
        let time = match moment.checked_sub(self.moment) {
            Some(later) => self.time.checked_add(later),
            None => self.time.checked_sub(self.moment.saturating_sub(moment)),
        };
        time.unwrap_or(self.time)
    }
}

/// `2026-01-31T09:34:21.123Z`, in UTC: the standard library knows no other time zone.
pub(crate) fn iso(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let (year, month, day) = date(seconds / 86_400);
    let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{:02}.{:03}Z",
        seconds % 60,
        since.subsec_millis()
    )
}

/// `09:34:21.123Z`
pub(crate) fn time_of_day(time: SystemTime) -> String {
    let iso = iso(time);
    iso.rsplit_once('T')
        .map_or_else(|| iso.clone(), |(_, time)| time.to_owned())
}

/// The date of a day after 1970-01-01, by the calendar's cycle of 400 years, which begins with March.
fn date(days: u64) -> (u64, u64, u64) {
    const CYCLE: u64 = 146_097;
    let days = days + 719_468; // since 0000-03-01
    let (cycle, day) = (days / CYCLE, days % CYCLE);
    let year = (day - day / 1460 + day / 36_524 - day / (CYCLE - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // from March
    let year = 400 * cycle + year + u64::from(month >= 10);
    (year, (month + 2) % 12 + 1, day - (153 * month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_date_says_them() {
        // From `date -u -d @N`.
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_798_761_599, "2026-12-31T23:59:59.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(iso(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
        let time = UNIX_EPOCH + Duration::from_millis(45_296_007);
        assert_eq!(time_of_day(time), "12:34:56.007Z");
    }

    #[test]
    fn a_moment_before_is_earlier() {
        let clock = WallClock::at(Duration::from_secs(10));
        let (before, after) = (Duration::from_secs(7), Duration::from_secs(12));
        let between = clock.time_of(after).duration_since(clock.time_of(before));
        assert_eq!(between.unwrap(), Duration::from_secs(5));
    }
}
