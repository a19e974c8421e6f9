//! Passphrases: from a file, or typed without being shown. They are wiped from memory after use.

use std::io::IsTerminal;

use anyhow::{Context, bail};
use zeroize::Zeroizing;

use crate::args::Passphrase;
use crate::exit::{Code, WithCode};

/// The passphrase from the file that was named, if one was.
pub fn given(options: &Passphrase) -> anyhow::Result<Option<Zeroizing<String>>> {
    let Some(path) = &options.passphrase_file else {
        return Ok(None);
    };
    let text = Zeroizing::new(
        std::fs::read_to_string(path)
            .with_context(|| format!("the passphrase file {} cannot be read", path.display()))
            .code(Code::Keys)?,
    );
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        let what = format!(
            "the first line of the passphrase file {} is empty",
            path.display()
        );
        return Err(anyhow::anyhow!(what)).code(Code::Keys);
    }
    Ok(Some(Zeroizing::new(line.to_owned())))
}

/// A new passphrase: from the file, or typed twice.
pub fn choose(options: &Passphrase) -> anyhow::Result<Zeroizing<String>> {
    if let Some(text) = given(options)? {
        return Ok(text);
    }
    let first = ask("Passphrase for the private keys: ")
        .context("no keys were made; --no-passphrase makes them without protection")?;
    if first.is_empty() {
        return Err(anyhow::anyhow!(
            "the passphrase is empty; --no-passphrase says outright that there is none"
        ))
        .code(Code::Keys);
    }
    let second = ask("The same again: ")?;
    if *first != *second {
        return Err(anyhow::anyhow!(
            "the two passphrases differ; nothing was made"
        ))
        .code(Code::Keys);
    }
    Ok(first)
}

/// Asks on the terminal, without showing what is typed.
pub fn ask(question: &str) -> anyhow::Result<Zeroizing<String>> {
    let read = || {
        if !std::io::stdin().is_terminal() {
            bail!(
                "a passphrase is needed, and there is no terminal to ask on; use --passphrase-file"
            );
        }
        Ok(Zeroizing::new(rpassword::prompt_password(question)?))
    };
    read().code(Code::Keys)
}
