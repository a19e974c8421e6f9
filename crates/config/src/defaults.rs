//! What a toolbox has instead of the built-in configuration.

use std::io::ErrorKind;
use std::path::Path;

use artifact::toolbox::DEFAULTS;
use toml::{Table, Value};

use super::{Config, Error};

/// Those of the toolbox that this program runs in; elsewhere there are none.
pub fn here() -> Result<Table, Error> {
    let path = Path::new("/").join(DEFAULTS);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Table::new()),
        Err(source) => return Err(Error::Defaults { path, source }),
    };
    text.parse()
        .map_err(|source| Error::Damaged { path, source })
}

/// The configuration of `text` over these defaults.
pub fn complete(below: &Table, text: &str) -> Result<Config, toml::de::Error> {
    let mut all = below.clone();
    lay_over(&mut all, text.parse()?);
    all.try_into()
}

/// Tables merge, everything else in `over` replaces what is in `below`.
fn lay_over(below: &mut Table, over: Table) {
    for (key, value) in over {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(over)) => lay_over(below, over),
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    #[test]
    fn what_a_file_does_not_say_is_the_toolboxs() {
        let below = "name = 'a'\n[image]\nlevel = 3\nblock_size = 64\n\
                     [kernel]\nsource = [{toolbox = true}]\n";
        let text = "[image]\nlevel = 4\n[root]\nsource = [{tar = 'r.tar'}]\n";
        let config = complete(&below.parse().unwrap(), text).unwrap();
        assert_eq!((config.image.level, config.image.block_size), (Some(4), 64));
        assert_eq!(config.name, "a");
        assert_eq!(config.kernel.source, [Source::toolbox()]);
        assert_eq!(config.root.unwrap().source.len(), 1);
        assert_eq!(config.uki, Config::default().uki);
    }
}
