//! The machine that figures were measured on: they mean nothing without it.

use std::fs;
use std::process::Command;

/// What makes figures comparable.
#[derive(Clone, Debug, Default)]
pub struct Machine {
    /// Name and value, in order.
    facts: Vec<(&'static str, String)>,
}

/// Instructions that hashing and compressing are faster with.
const INSTRUCTIONS: [&str; 4] = ["sha_ni", "avx2", "avx512f", "bmi2"];

impl Machine {
    /// This one; `packages` are the Debian packages of the peers.
    pub fn here(packages: &[&str]) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let field = |text: &str, name: &str| {
            let lines = text.lines().filter_map(|line| line.split_once(':'));
            let mut values = lines.filter(|(key, _)| key.trim() == name);
            values.next().map(|(_, value)| value.trim().to_owned())
        };
        let flags = field(&cpu, "flags").unwrap_or_default();
        let has = |name: &&str| flags.split(' ').any(|flag| flag == *name);
        let known: Vec<&str> = INSTRUCTIONS.into_iter().filter(has).collect();
        let cores = std::thread::available_parallelism().map_or(0, |cores| cores.get());
        let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let kib: f64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        let system = read("/etc/os-release");
        let mut names = system
            .lines()
            .filter_map(|l| l.strip_prefix("PRETTY_NAME="));
        let system = names
            .next()
            .unwrap_or("unknown")
            .trim_matches('"')
            .to_owned();
        let model = field(&cpu, "model name").unwrap_or_else(|| "unknown".to_owned());
        Self {
            facts: vec![
                ("Processor", format!("{model} ({})", known.join(", "))),
                ("Cores", cores.to_string()),
                ("Memory", format!("{:.0} GiB", kib / f64::from(1 << 20))),
                (
                    "Kernel",
                    read("/proc/sys/kernel/osrelease").trim().to_owned(),
                ),
                ("System", system),
                ("Peers", versions(packages)),
            ],
        }
    }

    /// What does not change while it is the same machine: processor, cores, memory.
    pub fn hardware(&self) -> String {
        let values = self.facts.iter().take(3).map(|(_, value)| value.as_str());
        values.collect::<Vec<_>>().join(", ")
    }

    /// As a list in Markdown.
    pub fn render(&self) -> String {
        let lines = self.facts.iter();
        let lines = lines.map(|(name, value)| format!("- {name}: {value}\n"));
        lines.collect()
    }
}

/// Installed packages with their versions.
fn versions(packages: &[&str]) -> String {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${Package} ${Version}, "]);
    let said = query.args(packages).output().map(|output| output.stdout);
    let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    said.trim_end_matches(", ").to_owned()
}
