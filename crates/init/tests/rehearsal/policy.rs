//! A release whose execution policy init has to make the kernel enforce.

use std::os::unix::fs::symlink;

use contract::boot::{Boot, Execute};

use crate::machine::{Machine, VENDOR, boot, manifest, variable};

const SIGNED: &str = "signed policy";
const FILE: &str = "mounted/vda1/sealboot/release.policy.p7b";
const TEXT: &str = "ipe/policies/sealboot/policy";
const SECURITYFS: &str = "mounted/securityfs";
const HELPERS: &str = "proc/sys/kernel/usermodehelper/bset";

/// A good machine whose kernel has IPE, and a release that asks for it.
fn machine(secure_boot: bool) -> Machine {
    let machine = Machine::good();
    let state = [6, 0, 0, 0, u8::from(secure_boot)];
    machine.write(&variable("SecureBoot", VENDOR), state);
    let asks = Boot {
        execute: Execute::Signed,
        ..boot()
    };
    machine.write("boot.json", asks.to_json());
    machine.write(FILE, SIGNED);
    let text = contract::policy::text(&manifest("1.4"));
    machine.write(&format!("{SECURITYFS}/{TEXT}"), text);
    for (file, content) in [
        ("ipe/enforce", "0"),
        ("ipe/success_audit", "1"),
        ("ipe/policies/sealboot/active", "0"),
    ] {
        machine.write(&format!("{SECURITYFS}/{file}"), content);
    }
    machine.write(HELPERS, "4294967295\t511\n");
    machine
}

#[test]
fn the_policy_is_enforced_before_the_roots_init_starts() {
    let outcome = machine(true).start();
    assert!(outcome.started(), "{}", outcome.said);
    let expected = format!(
        "\
would write {SIGNED} to /sys/kernel/security/ipe/new_policy
would write 1 to /sys/kernel/security/ipe/policies/sealboot/active
would write 0 to /sys/kernel/security/ipe/success_audit
would write 1 to /sys/kernel/security/ipe/enforce
would write 4294967295	509 to /proc/sys/kernel/usermodehelper/bset
would give up CAP_MAC_ADMIN
sealboot: execution is restricted to the images of this release
"
    );
    let (_, after) = outcome.said.split_once(&expected).expect(&outcome.said);
    assert!(after.contains("would start /sbin/init"), "{after}");
}

#[test]
fn a_release_that_allows_anything_leaves_the_kernel_as_it_is() {
    let outcome = Machine::good().start();
    assert!(outcome.started(), "{}", outcome.said);
    for words in ["would write", "CAP_MAC_ADMIN", "execution is"] {
        assert!(!outcome.said.contains(words), "{words}:\n{}", outcome.said);
    }
}

#[test]
fn a_kernel_without_the_key_goes_on_loudly_only_while_secure_boot_is_off() {
    let start = |secure_boot| {
        let machine = machine(secure_boot);
        machine.write("refused", "ipe/new_policy 126");
        machine.start()
    };
    let outcome = start(true);
    assert!(outcome.refused(), "{}", outcome.said);
    let words = "does not accept the signature of the execution policy";
    assert!(outcome.words().contains(words), "{}", outcome.said);
    let outcome = start(false);
    assert!(outcome.started(), "{}", outcome.said);
    let warning = "WARNING: execution is NOT RESTRICTED";
    assert!(outcome.said.contains(warning), "{}", outcome.said);
    assert!(!outcome.said.contains("CAP_MAC_ADMIN"), "{}", outcome.said);
}

/// What is broken, and what the screen must say then.
type Refusal = (&'static str, fn(&Machine), &'static [&'static str]);

const REFUSALS: &[Refusal] = &[
    (
        "no policy on the partition",
        |m| m.remove(FILE),
        &["the execution policy release.policy.p7b cannot be read"],
    ),
    (
        "a policy larger than any",
        |m| m.write(FILE, [0; 20_000]),
        &[
            "release.policy.p7b cannot be read",
            "larger than 16384 bytes",
        ],
    ),
    (
        "another release's policy",
        |m| {
            let mut other = manifest("1.4");
            other.images[0].root_hash = "f".repeat(64);
            let text = contract::policy::text(&other);
            m.write(&format!("{SECURITYFS}/{TEXT}"), text);
        },
        &[
            "the execution policy on the disk is another release's",
            "ffff",
        ],
    ),
    (
        "a policy that allows more",
        |m| {
            let text = contract::policy::text(&manifest("1.4"));
            let more = text + "op=EXECUTE action=ALLOW\n";
            m.write(&format!("{SECURITYFS}/{TEXT}"), more);
        },
        &["the execution policy on the disk is another release's"],
    ),
    (
        "a policy of another name",
        |m| m.remove(&format!("{SECURITYFS}/{TEXT}")),
        &[
            "the execution policy on the disk is another release's",
            "No such file",
        ],
    ),
    (
        "no securityfs",
        |m| m.write("refused", "securityfs 19\nipe/new_policy 2"),
        &["this kernel cannot restrict execution", "No such file"],
    ),
    (
        "no IPE",
        |m| m.write("refused", "ipe/new_policy 2"),
        &[
            "this kernel cannot restrict execution",
            "security module ipe",
        ],
    ),
    (
        "a policy that is none",
        |m| m.write("refused", "ipe/new_policy 74"),
        &["does not accept the execution policy", "Bad message"],
    ),
    (
        "a policy that does not become active",
        |m| stays_empty(m, &format!("{SECURITYFS}/ipe/policies/sealboot/active")),
        &[
            "policies/sealboot/active does not take its value",
            "expected 1",
        ],
    ),
    (
        "enforcement that stays off",
        |m| stays_empty(m, &format!("{SECURITYFS}/ipe/enforce")),
        &["ipe/enforce does not take its value", "expected 1"],
    ),
    (
        "capabilities in another form",
        |m| m.write(HELPERS, "all"),
        &["usermodehelper/bset does not take its value", "found all"],
    ),
    (
        "a capability that stays",
        |m| m.write("refused", "CAP_MAC_ADMIN 1"),
        &["the right to change the execution policy cannot be given up"],
    ),
];

/// A file that takes everything and shows nothing.
fn stays_empty(machine: &Machine, path: &str) {
    machine.remove(path);
    symlink("/dev/null", machine.path(path)).unwrap();
}

/// Secure Boot off excuses nothing but a missing key.
#[test]
fn what_does_not_take_effect_stops_the_release() {
    for (name, change, expected) in REFUSALS {
        for secure_boot in [true, false] {
            let machine = machine(secure_boot);
            change(&machine);
            let outcome = machine.start();
            assert!(outcome.refused(), "{name}:\n{}", outcome.said);
            for words in *expected {
                let said = outcome.words();
                assert!(said.contains(words), "{name}: {words}:\n{}", outcome.said);
            }
        }
    }
}
