//! Matching a device's modalias with the patterns of `modules.alias`: fnmatch(3) without flags,
//! after `-` and `_` were made equal outside of brackets, as kmod does.

/// Makes `-` and `_` equal: `scsi:t-0x00` → `scsi:t_0x00`. Ranges (`[0-9]`) stay.
pub(super) fn normalise(text: &str) -> String {
    let mut inside = false;
    text.chars()
        .map(|c| {
            inside = c == '[' || inside && c != ']';
            if c == '-' && !inside { '_' } else { c }
        })
        .collect()
}

/// Whether `text` matches `pattern`, both normalised: `*` is any bytes, `?` one, `[a-c]` and
/// `[!a-c]` one of (not) these, `\` takes the next as it is.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // After a `*`: where the pattern goes on, and how far the star reached.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(p), text.get(t)) {
            (Some(b'*'), _) => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            (None, None) => return true,
            (Some(_), Some(byte)) => one(pattern.get(p..).unwrap_or_default(), *byte),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => (p, t) = (p + length, t + 1),
            (None, Some((after, reached))) if reached < text.len() => {
                star = Some((after, reached + 1));
                (p, t) = (after, reached + 1);
            }
            _ => return false,
        }
    }
}

/// When the pattern's first element matches `byte`: that element's length.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        b'[' => match set(pattern) {
            Some((found, length)) => (found(byte)).then_some(length),
            // A bracket that never closes stands for itself.
            None => (byte == b'[').then_some(1),
        },
        b'\\' => (pattern.get(1).copied().unwrap_or(b'\\') == byte).then_some(2.min(pattern.len())),
        literal => (*literal == byte).then_some(1),
    }
}

/// The set at the start of the pattern, and the length of its text.
fn set(pattern: &[u8]) -> Option<(impl Fn(u8) -> bool + '_, usize)> {
    let negated = matches!(pattern.get(1)?, b'!' | b'^');
    let start = if negated { 2 } else { 1 };
    // `]` as the first member is a member.
    let end = (start + 1..pattern.len()).find(|i| pattern.get(*i) == Some(&b']'))?;
    let members = pattern.get(start..end)?;
    let contains = move |byte: u8| {
        let mut rest = members;
        let mut found = false;
        while let Some(first) = rest.first() {
            let range = rest.get(1) == Some(&b'-');
            match rest.get(2) {
                Some(last) if range => {
                    found |= (*first..=*last).contains(&byte);
                    rest = rest.get(3..).unwrap_or_default();
                }
                _ => {
                    found |= *first == byte;
                    rest = rest.get(1..).unwrap_or_default();
                }
            }
        }
        found != negated
    };
    Some((contains, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_aliases_match() {
        let cases = [
            (
                "pci:v00001AF4d00001001sv*sd*bc*sc*i*",
                "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00",
                true,
            ),
            (
                "pci:v00001AF4d00001042sv*sd*bc*sc*i*",
                "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00",
                false,
            ),
            (
                "pci:v*d*sv*sd*bc01sc06i01*",
                "pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01",
                true,
            ),
            (
                "usb:v*p*d*dc*dsc*dp*ic08isc06ip50in*",
                "usb:v46F4p0001d0000dc00dsc00dp00ic08isc06ip50in00",
                true,
            ),
            (
                "usb:v0421p0019d059[0-2]dc*dsc*dp*ic*isc*ip*in*",
                "usb:v0421p0019d0591dc00dsc00dp00ic08isc06ip50in00",
                true,
            ),
            (
                "usb:v0421p0019d059[0-2]dc*dsc*dp*ic*isc*ip*in*",
                "usb:v0421p0019d0593dc00dsc00dp00ic08isc06ip50in00",
                false,
            ),
            ("usb:v0FCAp8004d020[7-9A-F]*", "usb:v0FCAp8004d020Bdc", true),
            ("scsi:t-0x00*", "scsi:t-0x00", true),
            ("virtio:d00000002v*", "virtio:d00000002v00001AF4", true),
            ("acpi*:PNP0A08:*", "acpi:PNP0A08:PNP0A03:", true),
            (
                "cpu:type:x86,ven*fam*mod*:feature:*0081*",
                "cpu:type:x86,ven0000fam0006mod003F:feature:,0000,0081,00C0",
                true,
            ),
            ("mmc:block", "mmc:block", true),
            ("mmc:block", "mmc:blocks", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(
                matches(&normalise(pattern), &normalise(text)),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn patterns_follow_fnmatch() {
        let cases = [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("?", "", false),
            ("[!0-9]x", "ax", true),
            ("[!0-9]x", "1x", false),
            ("[]a]", "]", true),
            ("[abc", "[abc", true),
            ("[z-a]", "m", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("a-[a-c]", "a_b", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(
                matches(&normalise(pattern), text),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
