//! The project's own chores: `cargo xtask demo | screenshot | test | check | deny | fuzz | tools | bench |
//! pkcs11`.

mod bench;
mod check;
mod demo;
mod deny;
mod fuzz;
mod pkcs11;
mod process;
mod suite;
mod tools;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The project's own chores", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install QEMU and OVMF, build everything, make keys and the default release in a scratch
    /// folder, boot it under Secure Boot, and say what was seen
    Demo,
    /// The demo again, and its first screen into docs/images
    Screenshot,
    /// Install the test tools and run every test: unit, golden, differential, VM
    Test {
        /// Only tests whose name contains this; passed on to cargo test
        filter: Option<String>,
    },
    /// The house rules that a program can check: layering, unsafe code, file lengths
    Check,
    /// Hold every dependency against deny.toml: licences, origins, what must not come in
    Deny,
    /// Fuzz the readers of untrusted bytes
    Fuzz(fuzz::Options),
    /// Install the reference tools that the tests compare with
    Tools,
    /// Build sealboot-pkcs11, which asks tokens that hold a key
    Pkcs11,
    /// Measure the command, side by side with what others use for the same
    Bench(bench::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Demo => demo::run(),
        Chore::Screenshot => demo::screenshot(),
        Chore::Test { filter } => suite::run(filter.as_deref()),
        Chore::Check => check::run(),
        Chore::Deny => deny::run(),
        Chore::Fuzz(options) => fuzz::run(&options),
        Chore::Tools => tools::install(tools::TEST),
        Chore::Pkcs11 => pkcs11::run(),
        Chore::Bench(options) => bench::run(&options),
    }
}
