//! Names of modules and aliases, as kmod compares them.

/// Suffixes of module files: uncompressed and as kmod decompresses them.
pub const SUFFIXES: [&str; 4] = [".ko", ".ko.xz", ".ko.zst", ".ko.gz"];

/// Whether a path is a module's.
pub fn is_module(path: &str) -> bool {
    SUFFIXES.iter().any(|suffix| path.ends_with(suffix))
}

/// The path without a compression's suffix: `kernel/fs/ext4/ext4.ko`.
pub fn uncompressed(path: &str) -> &str {
    let compressed = [".xz", ".zst", ".gz"];
    let stripped = compressed
        .iter()
        .find_map(|suffix| path.strip_suffix(suffix));
    stripped
        .filter(|path| path.ends_with(".ko"))
        .unwrap_or(path)
}

/// A module's name: its file name up to the first dot, with underscores.
pub fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file.split('.').next().unwrap_or(file);
    name.replace('-', "_")
}

/// An alias with underscores for hyphens outside of brackets; none when brackets do not match.
pub fn normalize_alias(alias: &str) -> Option<String> {
    let mut normal = String::with_capacity(alias.len());
    let mut inside = false;
    for character in alias.chars() {
        match (character, inside) {
            ('[', false) => inside = true,
            (']', true) => inside = false,
            (']', false) => return None,
            _ => {}
        }
        normal.push(match character {
            '-' if !inside => '_',
            other => other,
        });
    }
    (!inside).then_some(normal)
}

/// Whether `pattern` (an alias, with `*`, `?` and `[…]`) matches `name` as a whole.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    // Where to go on when the text after the last `*` turns out not to match: the star eats one
    // byte more. One star is enough to remember, so the time is at most pattern × name.
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                retry = Some((p + 1, n));
                Some((p + 1, n))
            }
            (Some(_), Some(byte)) => match_one(pattern, p, *byte).map(|next| (next, n + 1)),
            _ => None,
        };
        (p, n) = match (step, retry) {
            (Some(next), _) => next,
            (None, Some((star, eaten))) if eaten < name.len() => {
                retry = Some((star, eaten + 1));
                (star, eaten + 1)
            }
            _ => return false,
        };
    }
}

/// Matches one byte against the pattern at `p`; gives where the pattern goes on.
fn match_one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => {
            let rest = pattern.get(p + 1..)?;
            let end = rest.iter().position(|b| *b == b']')?;
            let set = rest.get(..end)?;
            in_set(set, byte).then_some(p + 1 + end + 1)
        }
        literal => (*literal == byte).then_some(p + 1),
    }
}

fn in_set(set: &[u8], byte: u8) -> bool {
    let (negated, mut set) = match set.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, set),
    };
    let mut found = false;
    loop {
        set = match set {
            [] => return found != negated,
            [low, b'-', high, rest @ ..] => {
                found |= (*low..=*high).contains(&byte);
                rest
            }
            [one, rest @ ..] => {
                found |= *one == byte;
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_paths() {
        let cases = [
            (
                "kernel/fs/ext4/ext4.ko.xz",
                "ext4",
                "kernel/fs/ext4/ext4.ko",
            ),
            ("snd-hda-intel.ko", "snd_hda_intel", "snd-hda-intel.ko"),
            ("a/dm-mod.ko.zst", "dm_mod", "a/dm-mod.ko"),
            ("notes.xz", "notes", "notes.xz"),
        ];
        for (path, name, plain) in cases {
            assert_eq!(
                (module_name(path).as_str(), uncompressed(path)),
                (name, plain)
            );
            assert_eq!(is_module(path), plain.ends_with(".ko"));
        }
    }

    #[test]
    fn hyphens_stay_inside_brackets() {
        assert_eq!(normalize_alias("a-b[c-d]-e").as_deref(), Some("a_b[c-d]_e"));
        for unmatched in ["a[b", "a]b", "[a]]"] {
            assert_eq!(normalize_alias(unmatched), None);
        }
    }

    #[test]
    fn patterns_match_as_a_shell_does() {
        let cases = [
            ("pci:v*d*", "pci:v00008086d00001234", true),
            ("pci:v*d*", "usb:v1d1", false),
            ("a*b*c", "axbxbxc", true),
            ("a*b*c", "axbxbx", false),
            ("usb:ic08isc0[1-6]ip50", "usb:ic08isc06ip50", true),
            ("usb:ic08isc0[1-6]ip50", "usb:ic08isc07ip50", false),
            ("[!a]b", "cb", true),
            ("[!a]b", "ab", false),
            ("[ab-]x", "-x", true),
            ("?", "", false),
            ("*", "", true),
            ("[a", "a", false),
            ("", "", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn hostile_patterns_take_no_exponential_time() {
        let pattern = "a*".repeat(200) + "b";
        assert!(!matches(&pattern, &"a".repeat(2000)));
    }
}
