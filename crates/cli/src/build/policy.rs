//! `policy.execute = "signed"`: what the kernel must be able to, and what its command line must say.

use contract::boot::Execute;
use contract::cmdline;
use source::kernel::Kernel;

use crate::exit::{Code, WithCode};

/// The security module that enforces the policy.
const IPE: &str = "ipe";

/// Words that choose security modules (kernel: `Documentation/admin-guide/kernel-parameters.txt`).
const CHOOSE: [&str; 2] = ["lsm", "security"];

/// Without it a shell and `dd` are enough to run anything: a process may write to its own program
/// through `/proc/self/mem`, although the pages are read-only (the same file; Linux 6.12).
const NO_FORCED_WRITES: (&str, &str) = ("proc_mem.force_override", "never");

/// The kernel's command line: the configured one, with what enforcing needs at its end. Refuses
/// a kernel that cannot enforce.
pub fn command_line(configured: &str, execute: Execute, kernel: &Kernel) -> anyhow::Result<String> {
    let mut line = configured.to_owned();
    if execute == Execute::Any {
        return Ok(line);
    }
    check(kernel)?;
    let mut add = |word: &str| line = format!("{} {word}", line.trim_end());
    if let Some(word) = security_modules(configured, kernel)? {
        add(&word);
    }
    let (key, value) = NO_FORCED_WRITES;
    if cmdline::value(configured, key) != Some(value) {
        add(&format!("{key}={value}"));
    }
    Ok(line)
}

fn check(kernel: &Kernel) -> anyhow::Result<()> {
    let why = match kernel.lacks_for_execution_policy() {
        Some(lacking) if lacking.is_empty() => return Ok(()),
        Some(lacking) => format!("its configuration lacks {}", lacking.join(", ")),
        None => format!(
            "kernel.source has no boot/config-{} to tell",
            kernel.version
        ),
    };
    Err(anyhow::anyhow!(
        "kernel {} cannot enforce policy.execute = \"signed\": {why}; take another kernel, such \
         as Debian 13's, or set policy.execute = \"any\"",
        kernel.version
    ))
    .code(Code::Refused)
}

/// The word that makes the kernel start IPE, when it would not by itself.
fn security_modules(line: &str, kernel: &Kernel) -> anyhow::Result<Option<String>> {
    let has_ipe = |list: &str| list.split(',').any(|module| module == IPE);
    let own = kernel.security_modules();
    match cmdline::value(line, "lsm") {
        Some(list) if has_ipe(list) => return Ok(None),
        None if has_ipe(own) => return Ok(None),
        _ => {}
    }
    let others = own.split(',').filter(|name| !["", IPE].contains(name));
    let all: Vec<&str> = others.chain([IPE]).collect();
    let needed = format!("lsm={}", all.join(","));
    if let Some(word) = CHOOSE
        .iter()
        .find(|word| cmdline::value(line, word).is_some())
    {
        return Err(anyhow::anyhow!(
            "uki.command_line chooses the kernel's security modules with {word}=, and ipe, which \
             enforces policy.execute = \"signed\", is not among them; {needed} in its place would \
             start all of this kernel's, and ipe"
        ))
        .code(Code::Refused);
    }
    Ok(Some(needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "CONFIG_SECURITY_IPE=y\nCONFIG_IPE_PROP_DM_VERITY=y\n\
                           CONFIG_IPE_POLICY_SIG_PLATFORM_KEYRING=y\n";

    fn kernel(config: Option<&str>) -> Kernel {
        Kernel {
            version: "6.12".to_owned(),
            image_path: String::new(),
            image: Vec::new(),
            modules: String::new(),
            config: config.map(source::kernel::Config::parse),
            config_path: None,
        }
    }

    fn line(lsm: &str, line: &str) -> anyhow::Result<String> {
        let options = format!("{OPTIONS}CONFIG_LSM=\"{lsm}\"\n");
        command_line(line, Execute::Signed, &kernel(Some(&options)))
    }

    #[test]
    fn what_enforcing_needs_is_added_once() {
        let cases = [
            ("yama,ipe", "quiet", "quiet proc_mem.force_override=never"),
            (
                "yama,apparmor",
                "quiet ",
                "quiet lsm=yama,apparmor,ipe proc_mem.force_override=never",
            ),
            ("", "a", "a lsm=ipe proc_mem.force_override=never"),
            (
                "yama",
                "lsm=ipe,yama proc_mem.force_override=never quiet",
                "lsm=ipe,yama proc_mem.force_override=never quiet",
            ),
            // The last word counts, for the kernel too.
            (
                "yama,ipe",
                "proc_mem.force_override=never proc_mem.force_override=always",
                "proc_mem.force_override=never proc_mem.force_override=always \
                 proc_mem.force_override=never",
            ),
        ];
        for (lsm, given, expected) in cases {
            assert_eq!(line(lsm, given).unwrap(), expected, "{lsm}");
        }
    }

    #[test]
    fn a_line_that_leaves_ipe_out_is_refused_with_the_words_to_say() {
        for (lsm, given) in [
            ("yama,ipe", "lsm=yama"),
            ("yama,ipe", "lsm=ipe lsm=yama"),
            ("yama", "security=apparmor"),
            ("yama", "lsm="),
        ] {
            let error = line(lsm, given).unwrap_err().to_string();
            assert!(error.contains("lsm=yama,ipe in its place"), "{error}");
        }
        // Of the kernel's own, only the large ones go by this word.
        assert!(line("yama,ipe", "security=apparmor").is_ok());
    }

    #[test]
    fn a_kernel_that_cannot_enforce_is_refused() {
        let (module, _) = OPTIONS.rsplit_once("=y").unwrap();
        for (config, expected) in [
            (None, "has no boot/config-6.12"),
            (
                Some("CONFIG_LSM=\"yama,ipe\"\n"),
                "lacks CONFIG_SECURITY_IPE, CONFIG_IPE_PROP",
            ),
            (
                Some(module),
                "lacks CONFIG_IPE_POLICY_SIG_PLATFORM_KEYRING;",
            ),
        ] {
            let kernel = kernel(config);
            let error = command_line("quiet", Execute::Signed, &kernel).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(expected), "{error}");
            assert!(error.contains("policy.execute = \"any\""), "{error}");
            let line = command_line("quiet", Execute::Any, &kernel).unwrap();
            assert_eq!(line, "quiet");
        }
    }
}
