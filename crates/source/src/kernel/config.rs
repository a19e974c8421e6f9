//! The options that a kernel was built with (`/boot/config-<version>`).

use std::collections::HashMap;

/// The parsed `.config`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    options: HashMap<String, Setting>,
}

/// How an option is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `=y`: built in.
    BuiltIn,
    /// `=m`: a module.
    Module,
    /// Not set, or unknown to this kernel.
    Unset,
    /// A string (without its quotes) or a number.
    Value(String),
}

impl Config {
    /// Reads `CONFIG_<option>=<value>` lines; comments, `is not set` among them, are passed over.
    pub fn parse(text: &str) -> Self {
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("CONFIG_")?.split_once('='));
        let options = lines
            .map(|(name, value)| {
                let setting = match value {
                    "y" => Setting::BuiltIn,
                    "m" => Setting::Module,
                    "n" => Setting::Unset,
                    other => Setting::Value(other.trim_matches('"').to_owned()),
                };
                (name.to_owned(), setting)
            })
            .collect();
        Self { options }
    }

    /// The setting of an option, named without `CONFIG_`.
    pub fn option(&self, name: &str) -> &Setting {
        self.options.get(name).unwrap_or(&Setting::Unset)
    }

    /// Whether an option is built in. A module does not count.
    pub fn is_built_in(&self, name: &str) -> bool {
        *self.option(name) == Setting::BuiltIn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_told_apart() {
        let config = Config::parse(
            "# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=m\nCONFIG_D=\"utf8\"\nCONFIG_E=8\n",
        );
        let value = |text: &str| Setting::Value(text.to_owned());
        let cases = [
            ("A", Setting::Unset),
            ("B", Setting::BuiltIn),
            ("C", Setting::Module),
            ("D", value("utf8")),
            ("E", value("8")),
            ("F", Setting::Unset),
        ];
        for (name, expected) in cases {
            assert_eq!(*config.option(name), expected, "{name}");
        }
        assert!(config.is_built_in("B") && !config.is_built_in("C"));
    }
}
