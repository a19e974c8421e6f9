//! The date of a release: an input, never the clock.

use anyhow::Context;
use formats::efi_signature_list::Timestamp;
use source::tree::Tree;

use crate::exit::{Code, WithCode};

/// `SOURCE_DATE_EPOCH` (reproducible-builds.org), if it is set: seconds since 1970, as far as a
/// squashfs can tell them.
pub fn given() -> anyhow::Result<Option<u32>> {
    let Some(value) = std::env::var_os("SOURCE_DATE_EPOCH") else {
        return Ok(None);
    };
    let value = value.to_string_lossy();
    let wrong = |_| {
        anyhow::anyhow!(
            "SOURCE_DATE_EPOCH is {value:?}; seconds since 1970, 0 to 4294967295, are needed"
        )
    };
    let epoch = value.parse().map_err(wrong).code(Code::Usage)?;
    Ok(Some(epoch))
}

/// The time of the newest file, in seconds since 1970.
pub fn newest<'a>(trees: impl IntoIterator<Item = &'a Tree>) -> u32 {
    let times = trees
        .into_iter()
        .flat_map(Tree::iter)
        .map(|(_, _, node)| node.metadata.mtime);
    u32::try_from(times.max().unwrap_or(0).max(0)).unwrap_or(u32::MAX)
}

/// The day as a version: `2026.11.21`.
pub fn version(epoch: u32) -> anyhow::Result<String> {
    let time = timestamp(epoch)?;
    Ok(format!(
        "{:04}.{:02}.{:02}",
        time.year, time.month, time.day
    ))
}

/// Day and time of day, as RFC 3339 writes them: `2026-11-21T03:04:05Z`.
pub fn time(epoch: u32) -> anyhow::Result<String> {
    let time = timestamp(epoch)?;
    Ok(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year, time.month, time.day, time.hour, time.minute, time.second
    ))
}

fn timestamp(epoch: u32) -> anyhow::Result<Timestamp> {
    let time = Timestamp::from_unix(u64::from(epoch));
    time.with_context(|| format!("{epoch} is no date that a release can have"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_version() {
        assert_eq!(version(0).unwrap(), "1970.01.01");
        assert_eq!(version(1_795_219_199).unwrap(), "2026.11.20");
        assert_eq!(time(1_795_219_199).unwrap(), "2026-11-20T23:59:59Z");
    }
}
