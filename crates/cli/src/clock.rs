//! The time of day, where it must be known: certificates begin with it, and an archive's lists are
//! valid until some moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::bail;
use formats::efi_signature_list::Timestamp;

use crate::exit::{Code, WithCode};

/// 2026-01-01, in seconds since 1970. sealboot is younger: a machine whose battery is empty wakes
/// up in 1970, or on the day on which its firmware was made.
const EARLIEST: u64 = 1_767_225_600;

/// Seconds since 1970.
pub fn now() -> anyhow::Result<u64> {
    check(SystemTime::now().duration_since(UNIX_EPOCH).ok()).code(Code::Failed)
}

fn check(since: Option<Duration>) -> anyhow::Result<u64> {
    let seconds = since.map_or(0, |since| since.as_secs());
    if seconds < EARLIEST {
        bail!(
            "this machine's clock says {}, and sealboot is younger than that; set the clock \
             (timedatectl, date --set) and run it again",
            day(seconds)
        );
    }
    Ok(seconds)
}

/// `2026-11-24`
pub fn day(seconds: u64) -> String {
    match Timestamp::from_unix(seconds) {
        Some(time) => format!("{:04}-{:02}-{:02}", time.year, time.month, time.day),
        None => "a day after the year 9999".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_1970_is_not_believed() {
        for early in [None, Some(0), Some(5_000_000), Some(EARLIEST - 1)] {
            let error = check(early.map(Duration::from_secs)).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("set the clock"), "{error}");
        }
        let error = check(Some(Duration::ZERO)).unwrap_err().to_string();
        assert!(error.contains("says 1970-01-01"), "{error}");
        let good = check(Some(Duration::from_secs(EARLIEST)));
        assert_eq!(good.unwrap(), EARLIEST);
    }
}
