//! `sealboot keys rotate`: a new key in the place of an old one.

use std::path::Path;

use anyhow::anyhow;
use serde::Serialize;
use source::keys::{
    ChangeError, KEY_RANDOM_SIZE, Role, RotateOptions, Rotation, Signer, Stage, WriteError,
};

use super::{bits, open_key, passphrase, random};
use crate::args::{KeyName, KeysRotate, Passphrase, Program};
use crate::clock;
use crate::exit::{Code, Failure, WithCode};
use crate::output;

/// What was done, for programs.
#[derive(Serialize)]
struct Done {
    /// `PK`, `KEK` or `db`.
    key: &'static str,
    /// `begun`, `switched` or `finished`.
    step: &'static str,
    /// What to apply to machines, in this order.
    apply: Vec<Update>,
    /// Where the other key is.
    other: String,
}

/// One update.
#[derive(Serialize)]
struct Update {
    /// The signed variable's file.
    file: String,
    /// The variable.
    variable: &'static str,
    /// Whether it adds, or replaces.
    append: bool,
}

/// Does the step that was asked for.
pub fn verb(options: &KeysRotate, json: bool) -> anyhow::Result<()> {
    let folder = &options.folder.folder;
    let role = role(options.key);
    let rotation = Rotation::new(folder, role);
    check(&rotation, folder, options)?;
    let done = match (options.switch, options.finish) {
        (true, _) => switch(&rotation, options)?,
        (_, true) => finish(&rotation, folder, options)?,
        _ => begin(&rotation, folder, options)?,
    };
    match json {
        true => output::print_json(&done),
        false => output::print(&told(&done, folder)),
    }
}

fn role(name: KeyName) -> &'static Role {
    let name = match name {
        KeyName::Db => "db",
        KeyName::Kek => "KEK",
        KeyName::Pk => "PK",
    };
    // Each of them has one.
    Role::named(name).unwrap_or(&source::keys::ROLES[0])
}

/// Whether it is the time for this step.
fn check(rotation: &Rotation<'_>, folder: &Path, options: &KeysRotate) -> anyhow::Result<()> {
    let name = rotation.role().name();
    super::public(folder, &format!("{name}.crt"))?;
    if let Some(other) = Rotation::under_way(folder) {
        let other_name = other.role().name();
        if other_name != name {
            let verb = other_name.to_lowercase();
            return Err(anyhow!(
                "{other_name} is being replaced in {}/, and one key is replaced at a time; \
                 'sealboot keys rotate {verb} {}' is its next step",
                folder.display(),
                next_step(other.stage()),
            ))
            .code(Code::Keys);
        }
    }
    let stage = rotation.stage();
    let fits = match (options.switch, options.finish) {
        (true, _) => matches!(stage, Stage::Begun | Stage::Switching),
        (_, true) => matches!(stage, Stage::Switched | Stage::Finishing),
        _ => stage == Stage::None,
    };
    if fits {
        return Ok(());
    }
    let asked = match (options.switch, options.finish) {
        (true, _) => "the new key cannot take its place",
        (_, true) => "the old key cannot be put aside",
        _ => "no other new key is made",
    };
    let verb = name.to_lowercase();
    let found = match stage {
        Stage::None => {
            format!("there is no new {name} key; 'sealboot keys rotate {verb}' makes one")
        }
        Stage::Begun => format!(
            "there is one in {}/, which does not sign yet; 'sealboot keys rotate {verb} --switch' lets \
             it, or move that folder away to give it up",
            rotation.next().display()
        ),
        Stage::Switching => {
            format!("'sealboot keys rotate {verb} --switch' was interrupted: type it again")
        }
        Stage::Switched => format!(
            "the old one is in {}/ and still trusted; 'sealboot keys rotate {verb} --finish' puts it \
             aside",
            rotation.old().display()
        ),
        Stage::Finishing => {
            format!("'sealboot keys rotate {verb} --finish' was interrupted: type it again")
        }
    };
    Err(anyhow!("{asked}: {found}")).code(Code::Keys)
}

fn next_step(stage: Stage) -> &'static str {
    match stage {
        Stage::None => "",
        Stage::Begun | Stage::Switching => "--switch",
        Stage::Switched | Stage::Finishing => "--finish",
    }
}

fn begin(rotation: &Rotation<'_>, folder: &Path, options: &KeysRotate) -> anyhow::Result<Done> {
    let now = clock::now()?;
    let role = rotation.role();
    let name = role.name();
    let above = open(folder, role.above, options)?;
    let file = &options.new_passphrase_file;
    let new = Passphrase {
        passphrase_file: file.as_ref().or(options.passphrase_file.as_ref()).cloned(),
    };
    let passphrase = match options.no_passphrase {
        true => None,
        false => Some(passphrase::choose(&new)?),
    };
    rotation
        .begin(
            &*above,
            &RotateOptions {
                rsa_bits: bits(&options.bits),
                common_name: &options.name,
                now,
                validity_days: options.years * 365 + options.years / 4,
                random: &random::<KEY_RANDOM_SIZE>()?,
                passphrase: passphrase.as_ref().map(|text| text.as_bytes()),
            },
        )
        .map_err(failed)?;
    let next = rotation.next();
    let file = |name: &str| next.join(name).display().to_string();
    let update = match role.is_single() {
        true => update(file("PK-replace.auth"), "PK", false),
        false => update(file(&format!("{name}-append.auth")), name, true),
    };
    Ok(Done {
        key: name,
        step: "begun",
        apply: vec![update],
        other: next.display().to_string(),
    })
}

fn switch(rotation: &Rotation<'_>, options: &KeysRotate) -> anyhow::Result<Done> {
    let name = rotation.role().name();
    let new = match rotation.signs() && rotation.stage() == Stage::Begun {
        true => Some(open(&rotation.next(), name, options)?),
        false => None,
    };
    rotation
        .switch(new.as_deref(), clock::now()?)
        .map_err(failed)?;
    Ok(Done {
        key: name,
        step: "switched",
        apply: Vec::new(),
        other: rotation.old().display().to_string(),
    })
}

fn finish(rotation: &Rotation<'_>, folder: &Path, options: &KeysRotate) -> anyhow::Result<Done> {
    let role = rotation.role();
    let name = role.name();
    let above = match role.is_single() {
        true => None,
        false => Some(open(folder, role.above, options)?),
    };
    let place = rotation
        .finish(above.as_deref(), clock::now()?)
        .map_err(failed)?;
    let mut apply = Vec::new();
    if !role.is_single() {
        let file = folder.join(format!("{name}.auth")).display().to_string();
        apply.push(update(file, name, false));
    }
    Ok(Done {
        key: name,
        step: "finished",
        apply,
        other: place.display().to_string(),
    })
}

/// Opens the key that signs in this step.
fn open(folder: &Path, name: &str, options: &KeysRotate) -> anyhow::Result<Box<dyn Signer>> {
    let passphrase = Passphrase {
        passphrase_file: options.passphrase_file.clone(),
    };
    open_key(
        folder,
        name,
        &passphrase,
        Program::words(&options.sign_with),
    )
}

fn update(file: String, variable: &'static str, append: bool) -> Update {
    Update {
        file,
        variable,
        append,
    }
}

/// The exit code of what a keys folder's change failed with.
pub fn failed(error: ChangeError) -> anyhow::Error {
    let code = match &error {
        ChangeError::Move { .. } | ChangeError::Write(WriteError::Write { .. }) => Code::Failed,
        ChangeError::Create(source::keys::CreateError::CommonName(..)) => Code::Usage,
        _ => Code::Keys,
    };
    Failure::new(code, error).into()
}

/// What was done, what is to be applied, what comes next, and what breaks when. Lines of up to 80 characters,
/// as long as the folder's name is short.
fn told(done: &Done, folder: &Path) -> String {
    let (other, folder) = (&done.other, folder.display());
    let key = match done.key {
        "db" => "db key",
        name => name,
    };
    let name = done.key;
    let mut text = match done.step {
        "begun" => format!(
            "A new {key} is in {other}/. The one of {folder}/{name}.crt signs as before.\n\
             Keep a copy where no network reaches it.\n"
        ),
        "switched" => format!(
            "The new {key}, of {folder}/{name}.crt, signs from now on.\nThe old one is in {other}/.\n"
        ),
        _ => format!("The old {key} is in {other}/. Nothing here needs it any more.\n"),
    };
    for update in &done.apply {
        let how = match update.append {
            true => "adds to what is enrolled",
            false => "replaces what is enrolled, also what others enrolled",
        };
        text.push_str(&format!(
            "\n  sealboot keys apply {}\n    {how}\n",
            update.file
        ));
    }
    text + "\n" + next(done)
}

fn next(done: &Done) -> &'static str {
    match (done.step, done.key) {
        ("begun", "db") => {
            "Next: 1. apply that on every machine, which trusts both keys then;\n\
             2. 'sealboot keys rotate db --switch'.\n\
             A machine that is left out will start nothing that the new key signs.\n"
        }
        ("begun", "KEK") => {
            "Next: 1. apply that on every machine, which takes updates of both then;\n\
             2. 'sealboot keys rotate kek --switch'.\n\
             A machine that is left out will refuse updates of db and dbx by the new KEK.\n"
        }
        ("begun", _) => {
            "Next: 1. apply that on every machine, which has the new PK then;\n\
             2. 'sealboot keys rotate pk --switch'.\n\
             Each machine refuses updates of KEK and PK by the old PK from 1 on.\n\
             What boots does not depend on it.\n"
        }
        ("switched", "db") => {
            "Next: 1. build a release, and bring it to every machine;\n\
             2. 'sealboot keys rotate db --finish'.\n\
             Machines that trust both keys start releases of both. A machine that was left\n\
             out starts none of the new ones.\n"
        }
        ("switched", "KEK") => {
            "Next: 'sealboot keys rotate kek --finish'.\n\
             The new KEK signs updates of db and dbx. A machine that was left out refuses\n\
             them.\n"
        }
        ("switched", _) => {
            "Next: 'sealboot keys rotate pk --finish'.\n\
             A machine that was left out still has the old PK: its updates, the empty PK for\n\
             setup mode among them, are signed by the old one.\n"
        }
        (_, "db") => {
            "Next: apply that on every machine.\n\
             From then on it starts nothing that the old key signed, in no slot.\n\
             Where others may have the old key, revoke its certificate, too:\n\
             'sealboot keys revoke'.\n"
        }
        (_, "KEK") => {
            "Next: apply that on every machine.\n\
             From then on it refuses updates of db and dbx by the old KEK.\n"
        }
        _ => "Nothing is left to do.\n",
    }
}
