//! EFI_TIME, as far as signed variables use it (UEFI 2.10, sections 8.2.2 and 8.3): whole
//! seconds, UTC; all other fields are 0.

use std::fmt;

/// A time, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Year, such as 2026; EFI knows 1900 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl Timestamp {
    /// From seconds since 1970-01-01; `None` outside of 1970 to 9999.
    pub fn from_unix(seconds: u64) -> Option<Self> {
        let mut days = seconds / 86_400;
        let second_of_day = seconds % 86_400;
        let mut year: u16 = 1970;
        loop {
            let length = if is_leap(year) { 366 } else { 365 };
            if days < length {
                break;
            }
            days -= length;
            year += 1;
            if year > 9999 {
                return None;
            }
        }
        let february = if is_leap(year) { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 1;
        for length in lengths {
            if days < length {
                break;
            }
            days -= length;
            month += 1;
        }
        Some(Self {
            year,
            month,
            day: days as u8 + 1,
            hour: (second_of_day / 3600) as u8,
            minute: (second_of_day / 60 % 60) as u8,
            second: (second_of_day % 60) as u8,
        })
    }

    /// Seconds since 1970-01-01; `None` before it, and for what is no time.
    pub fn to_unix(self) -> Option<u64> {
        let february = if is_leap(self.year) { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let month = usize::from(self.month.checked_sub(1)?);
        let whole_months = lengths.get(..month)?;
        let length = *lengths.get(month)?;
        let in_range = (1970..=9999).contains(&self.year)
            && (1..=length).contains(&u64::from(self.day))
            && self.hour < 24
            && self.minute < 60
            && self.second < 60;
        if !in_range {
            return None;
        }
        let years = (1970..self.year).map(|year| if is_leap(year) { 366 } else { 365 });
        let days = years.sum::<u64>() + whole_months.iter().sum::<u64>() + u64::from(self.day) - 1;
        let [hour, minute, second] = [self.hour, self.minute, self.second].map(u64::from);
        Some(days * 86_400 + hour * 3600 + minute * 60 + second)
    }

    /// The 16 bytes of EFI_TIME.
    pub fn to_bytes(self) -> [u8; 16] {
        let [low, high] = self.year.to_le_bytes();
        let Self {
            month,
            day,
            hour,
            minute,
            second,
            ..
        } = self;
        [
            low, high, month, day, hour, minute, second, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ]
    }

    /// From the 16 bytes of EFI_TIME; fields that signed variables do not use are not looked at.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let [low, high, month, day, hour, minute, second, ..] = bytes;
        Self {
            year: u16::from_le_bytes([low, high]),
            month,
            day,
            hour,
            minute,
            second,
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}
