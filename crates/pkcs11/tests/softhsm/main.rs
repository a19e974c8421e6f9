//! The program itself, with real tokens: SoftHSM's. `cargo xtask test` builds it and says where it is.

mod list;
mod place;
mod refused;
mod seen;
mod shim;
mod signs;
mod terminal;

// Tokens and tools, as the other tests have them.
#[path = "../../../../tests/token.rs"]
#[allow(dead_code)]
mod token;
#[path = "../../../../tests/tool.rs"]
#[allow(dead_code)]
mod tool;
#[path = "../../../../tests/trace.rs"]
mod trace;

use tool::answer;

/// The reference has the program's own words.
#[test]
fn the_help_is_in_the_reference() {
    let place = place::Place::empty();
    let ran = place.run(&["--help"], b"");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let indented: String = (ran.stdout().lines())
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("    {line}\n")
            }
        })
        .collect();
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/pkcs11.md"
    );
    let document = std::fs::read_to_string(path).unwrap();
    let has = document.contains(&indented);
    assert!(
        has,
        "docs/reference/pkcs11.md has another help than\n{indented}"
    );
}
