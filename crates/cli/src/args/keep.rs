//! What a build keeps for the next one.

use clap::Args;

/// How much finished work is kept.
#[derive(Args, Clone, Debug)]
pub struct Keep {
    /// Keep finished work (images, module indexes) in the cache up to this size: 500M, 4G. What was
    /// not used for longest goes; downloads are not counted
    #[arg(long, value_name = "SIZE", default_value = "4G", value_parser = size)]
    pub cache_size: u64,
    /// Take no finished work from the cache and keep none; the results are the same bytes
    #[arg(long, conflicts_with = "cache_size")]
    pub no_cache: bool,
}

impl Keep {
    /// Bytes of finished work; `None` for none at all.
    pub fn size(&self) -> Option<u64> {
        (!self.no_cache).then_some(self.cache_size)
    }
}

/// Units by their letter, as powers of two; `K`, `KB` and `KiB` are the same.
const UNITS: &[(char, u32)] = &[('K', 10), ('M', 20), ('G', 30), ('T', 40)];

fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let mut letters = unit.chars();
    let letter = letters.next().map(|letter| letter.to_ascii_uppercase());
    let power = match letter {
        None => Some(0),
        Some(letter) => UNITS.iter().find(|(l, _)| *l == letter).map(|(_, p)| *p),
    };
    let power = power.filter(|_| ["", "B", "iB"].contains(&letters.as_str()));
    let number: Option<u64> = digits.parse().ok();
    let bytes = (number.zip(power)).and_then(|(number, power)| number.checked_mul(1 << power));
    bytes.ok_or_else(|| "a number with K, M, G or T behind it is needed, such as 4G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let cases = [
            ("0", Some(0)),
            ("512", Some(512)),
            ("4G", Some(4 << 30)),
            ("4GiB", Some(4 << 30)),
            ("4gb", None),
            ("4GB", Some(4 << 30)),
            ("500m", Some(500 << 20)),
            ("1T", Some(1 << 40)),
            ("99999999T", None),
            ("1.5G", None),
            ("G", None),
            ("", None),
            ("-1", None),
            ("4X", None),
            ("4GG", None),
        ];
        for (text, expected) in cases {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }
}
