//! The kernel's lockdown (kernel_lockdown(7)): init raises it while Secure Boot is on, status reads it.

/// Its file: all levels, the active one in brackets. Takes the name of a higher level.
pub const FILE: &str = "/sys/kernel/security/lockdown";

/// Root can change the kernel.
pub const NONE: &str = "none";

/// Root cannot change the kernel.
pub const INTEGRITY: &str = "integrity";

/// The active level in the content of [`FILE`].
pub fn level(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once('[')?;
    rest.split_once(']').map(|(level, _)| level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_in_brackets_is_active() {
        assert_eq!(
            level("none [integrity] confidentiality\n"),
            Some("integrity")
        );
        assert_eq!(level("[none] integrity confidentiality\n"), Some("none"));
        for text in ["", "integrity", "none [integrity"] {
            assert_eq!(level(text), None, "{text}");
        }
    }
}
