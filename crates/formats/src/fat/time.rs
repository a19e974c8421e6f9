//! Dates as FAT keeps them: two seconds apart, from 1980 to 2107, in no time zone (UTC here).

use std::fmt;

/// A date and time of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DosTime {
    /// Year since 1980 (7 bits), month (4), day (5).
    pub date: u16,
    /// Hour (5 bits), minute (6), seconds by two (5).
    pub time: u16,
    /// What `time` leaves out: 0 to 199 hundredths of a second. Creation times only.
    pub hundredths: u8,
}

/// 1980-01-01 00:00:00 and 2107-12-31 23:59:59, in seconds since 1970.
const FIRST: i64 = 315_532_800;
const LAST: i64 = 4_354_819_199;

impl DosTime {
    /// From seconds since 1970. What is before 1980 or after 2107 becomes the nearest time that
    /// can be kept.
    pub fn from_epoch(seconds: i64) -> Self {
        let seconds = seconds.clamp(FIRST, LAST) - FIRST;
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date_of(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        Self {
            date: ((year << 9) | (month << 5) | day) as u16,
            time: ((hour << 11) | (minute << 5) | (second / 2)) as u16,
            hundredths: (second % 2 * 100) as u8,
        }
    }
}

/// Year since 1980, month and day, both from 1. 1980 is a leap year, and so is every fourth one
/// after it but 2100.
fn date_of(mut days: i64) -> (i64, i64, i64) {
    let mut year = 0;
    loop {
        let leap = year % 4 == 0 && year != 120;
        let months = [
            31,
            28 + i64::from(leap),
            31,
            30,
            31,
            30,
            31,
            31,
            30,
            31,
            30,
            31,
        ];
        for (month, length) in (1..).zip(months) {
            if days < length {
                return (year, month, days + 1);
            }
            days -= length;
        }
        year += 1;
    }
}

impl fmt::Display for DosTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
            1980 + (self.date >> 9),
            self.date >> 5 & 15,
            self.date & 31,
            self.time >> 11,
            self.time >> 5 & 63,
            (self.time & 31) * 2 + u16::from(self.hundredths) / 100,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates() {
        // `date -u -d @SECONDS '+%F %T'`.
        let cases = [
            (0, "1980-01-01 00:00:00"),
            (315_532_800, "1980-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_763_930_000, "2025-11-23 20:33:20"),
            (4_107_542_399, "2100-02-28 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (i64::MAX, "2107-12-31 23:59:59"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(DosTime::from_epoch(seconds).to_string(), expected);
        }
    }
}
