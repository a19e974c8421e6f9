//! One of the systems of a release: what is its own, configured and settled.

use anyhow::Context;
use contract::boot::{self, Execute, SecureBoot};
use contract::manifest::Source;
use source::kernel::Kernel;
use source::tree::Tree;

use super::inputs::SystemInputs;
use super::missing::{self, Look};
use super::program::{self, Program};
use super::work::Work;
use super::{attributes, policy, root, texts};
use crate::exit::WithCode;
use config::{Config, Root};

/// A system as it is configured.
#[derive(Clone, Debug)]
pub struct System {
    /// Its name, when there are several.
    pub name: Option<String>,
    /// Its root.
    pub root: Root,
    /// Whether it starts while the firmware checks nothing.
    pub secure_boot: SecureBoot,
    /// What the kernel lets run.
    pub execute: Execute,
    /// The kernel's command line, as configured.
    pub command_line: String,
}

/// A system that can be written.
pub struct SystemParts {
    /// Its name, when there are several.
    pub name: Option<String>,
    /// How its root is mounted.
    pub mode: boot::Root,
    /// Its root.
    pub root: Tree,
    /// What becomes the root's PID 1.
    pub program: Program,
    /// The kernel's command line, whole.
    pub command_line: String,
    /// Whether it starts while the firmware checks nothing.
    pub secure_boot: SecureBoot,
    /// What the kernel lets run.
    pub execute: Execute,
    /// The container images that went in.
    pub sources: Vec<Source>,
}

impl System {
    /// All systems of a configuration, in their order: one when it names none.
    pub fn all(config: &Config) -> Vec<Self> {
        let mut config = config.clone();
        config.settle();
        let policy = &config.policy;
        let one = |root: &Root| Self {
            name: None,
            root: root.clone(),
            secure_boot: policy.secure_boot,
            execute: policy.execute.unwrap_or(Execute::Any),
            command_line: config.uki.command_line.clone(),
        };
        let several = config.system.iter().filter_map(|system| {
            let (own, line) = (&system.policy, &system.uki.command_line);
            let shared = one(system.root.as_ref()?);
            Some(Self {
                name: Some(system.name.clone()),
                secure_boot: own.secure_boot.unwrap_or(shared.secure_boot),
                execute: own.execute.unwrap_or(shared.execute),
                command_line: line.clone().unwrap_or(shared.command_line),
                root: shared.root,
            })
        });
        config.root.iter().map(one).chain(several).collect()
    }

    /// What its lines on the screen start with.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or("root")
    }

    /// Says which system an error is of, when there are several.
    pub fn named<T>(&self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        match &self.name {
            None => result,
            Some(name) => result.with_context(|| format!("the system {name} cannot be made")),
        }
    }

    /// Completes its root and finds what starts it. `firmware` says whether there is a firmware image.
    pub fn settle(
        &self,
        mut inputs: SystemInputs,
        kernel: &Kernel,
        firmware: bool,
        work: &Work,
    ) -> anyhow::Result<SystemParts> {
        let label = self.label();
        let note = |words: &str| work.progress.say(&format!("  note: {words}"));
        let of = |words: &str| match &self.name {
            None => note(words),
            Some(name) => note(&format!("{name}: {words}")),
        };
        let command_line = policy::command_line(&self.command_line, self.execute, kernel)?;
        if let Some(added) = command_line.strip_prefix(&self.command_line)
            && !added.is_empty()
        {
            of(&format!(
                "policy.execute = \"signed\" adds to the command line:{added}"
            ));
        }
        let without = attributes::leave_out(&mut inputs.root);
        if let Some(words) = attributes::note(label, &without) {
            note(&words);
        }
        let looked = texts::at_hand(&inputs.root, texts::ACCOUNTS, work);
        let program = program::settle(&self.root, &looked, inputs.program.as_ref())?;
        let look = Look {
            tree: &looked,
            program: &program,
            writable: self.root.mode == boot::Root::Overlay,
            command_line: &command_line,
        };
        // The recovery system is complete, and lets nobody log in with a password on purpose.
        if !self.root.source.iter().any(|source| source.recovery) {
            for line in missing::missing(&look) {
                note(&format!("{label}: {line}"));
            }
        }
        root::uncover(&mut inputs.root, &kernel.version, firmware);
        let directory = &program.surroundings.directory;
        root::complete(&mut inputs.root, &kernel.version, directory).input_code()?;
        Ok(SystemParts {
            name: self.name.clone(),
            mode: self.root.mode,
            root: inputs.root,
            program,
            command_line,
            secure_boot: self.secure_boot,
            execute: self.execute,
            sources: inputs.containers,
        })
    }
}

impl SystemParts {
    /// What the names of its root's files start with.
    pub fn stem(&self) -> &str {
        self.name.as_deref().unwrap_or("root")
    }
}
