//! Dates of Release files: `Sat, 21 Nov 2026 09:15:44 UTC` (RFC 5322, section 3.3, always UTC).

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const DAY: u64 = 86_400;

/// Seconds since 1970, of years from 1970 to 9999; the weekday is not looked at.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut words = text.split_ascii_whitespace();
    let day = number(words.next()?, 2)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let year = words.next().filter(|year| year.len() == 4)?;
    let year = number(year, 4).filter(|year| *year >= 1970)?;
    let mut clock = words.next()?.split(':');
    let mut part = |below: u64| number(clock.next()?, 2).filter(|value| *value < below);
    let (hour, minute, second) = (part(24)?, part(60)?, part(61)?);
    let zone = words.next()?;
    if clock.next().is_some() || words.next().is_some() || !["UTC", "GMT", "+0000"].contains(&zone)
    {
        return None;
    }
    if day == 0 || day > days_in(year, month) {
        return None;
    }
    let days = days_before(year, month) + day - 1;
    Some(days * DAY + hour * 3600 + minute * 60 + second)
}

/// The inverse of [`parse`]; later than the year 9999 is shown as its last second.
pub(crate) fn show(seconds: u64) -> String {
    let seconds = seconds.min(253_402_300_799);
    let (days, rest) = (seconds / DAY, seconds % DAY);
    // The estimate is at most one year late: leap days make the division come out early.
    let mut year = 1970 + days / 366;
    while days_before(year + 1, 1) <= days {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days_before(year, month + 1) <= days {
        month += 1;
    }
    let name =
        |names: &[&'static str], at: u64| names.get(at as usize).copied().unwrap_or_default();
    format!(
        "{}, {:02} {} {year} {:02}:{:02}:{:02} UTC",
        name(&WEEKDAYS, days % 7),
        days - days_before(year, month) + 1,
        name(&MONTHS, month - 1),
        rest / 3600,
        rest / 60 % 60,
        rest % 60,
    )
}

fn number(text: &str, most: usize) -> Option<u64> {
    let plain = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days of a month, counted from 1.
fn days_in(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to the first of a month.
fn days_before(year: u64, month: u64) -> u64 {
    let past = year - 1;
    // 477 leap days lie before 1970.
    let leaps = past / 4 - past / 100 + past / 400 - 477;
    (year - 1970) * 365 + leaps + (1..month).map(|month| days_in(year, month)).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_dates() {
        // From `date -u -d @N -R`.
        let cases = [
            (0, "Thu, 01 Jan 1970 00:00:00 UTC"),
            (951_827_696, "Tue, 29 Feb 2000 12:34:56 UTC"),
            (1_795_252_544, "Sat, 21 Nov 2026 09:15:44 UTC"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 UTC"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 UTC"),
            (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 UTC"),
        ];
        for (seconds, text) in cases {
            assert_eq!(parse(text), Some(seconds), "{text}");
            assert_eq!(show(seconds), text);
        }
        assert_eq!(parse("21 Nov 2026 9:15:44 +0000"), Some(1_795_252_544));
    }

    #[test]
    fn what_is_not_a_date_is_refused() {
        let cases = [
            "",
            "Sat",
            "Sat, 21 Nov 2026 09:15:44",
            "Sat, 21 Nov 2026 09:15:44 CET",
            "Sat, 31 Nov 2026 09:15:44 UTC",
            "Sat, 0 Nov 2026 09:15:44 UTC",
            "29 Feb 2100 00:00:00 UTC",
            "1 Jan 1969 00:00:00 UTC",
            "1 jan 1970 00:00:00 UTC",
            "1 Jan 1970 24:00:00 UTC",
            "1 Jan 1970 00:00:00:00 UTC",
            "1 Jan 1970 00:00:00 UTC x",
            "+1 Jan 1970 00:00:00 UTC",
            "1 Jan 19700 00:00:00 UTC",
        ];
        for text in cases {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read(seconds in 0u64..253_402_300_800) {
            prop_assert_eq!(parse(&show(seconds)), Some(seconds));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*", seconds: u64) {
            let _ = (parse(&text), show(seconds));
        }
    }
}
