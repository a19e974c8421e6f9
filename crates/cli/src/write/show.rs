//! The plan and the outcome, for a person and for a program.

use std::fs::File;
use std::path::Path;

use machine::disk::{self, Disk};
use machine::write::{Done, Image, Plan, Target};

use super::say;
use crate::output;
use crate::progress::size;

/// Says what will be written where, and what is there now.
pub fn tell(image: &Image, target: &Target, quiet: bool) {
    say("The plan:", quiet);
    let row = |name: &str, text: &str| say(&format!("  {name:9} {text}"), quiet);
    row("image", &image.path().display().to_string());
    let release = match image.release() {
        Some(version) => format!("release {version}, "),
        None => "no release of sealboot's, ".to_owned(),
    };
    let content = size(image.content_size());
    let sizes = format!("{}, {content} of it no holes", size(image.size()));
    row("", &format!("{release}{sizes}"));
    row("target", &target.path().display().to_string());
    match target {
        Target::Disk { disk, .. } => {
            row("", &described(disk));
            if !disk.serial.is_empty() {
                row("serial", &disk.serial);
            }
            let mut name = "holds";
            for line in held(Path::new("/dev"), disk) {
                row(name, &line);
                name = "";
            }
            row("erases", "everything on it");
        }
        Target::File {
            old_size: Some(old),
            ..
        } => row(
            "erases",
            &format!("the file of {} that is there", size(*old)),
        ),
        Target::File { old_size: None, .. } => row("", "a new file"),
    }
    say("", quiet);
}

/// A disk in a few words: model, size, bus.
fn described(disk: &Disk) -> String {
    let model = match disk.model.as_str() {
        "" => "no model name",
        model => model,
    };
    let kind = if disk.removable { "removable" } else { "fixed" };
    format!(
        "{model}, {}, {}, {kind}",
        size(disk.size),
        disk.bus.as_str()
    )
}

/// A line a partition, or one on what the whole disk holds.
fn held(dev: &Path, disk: &Disk) -> Vec<String> {
    let content = |name: &str| -> String {
        let content = File::open(dev.join(name)).ok();
        match content.and_then(|mut device| disk::content(&mut device)) {
            Some(content) if content.label.is_empty() => content.kind.to_owned(),
            Some(content) => format!("{} {:?}", content.kind, content.label),
            None => String::new(),
        }
    };
    let mut lines: Vec<String> = Vec::new();
    for partition in &disk.partitions {
        let content = content(&partition.name);
        let label = match partition.label.as_str() {
            "" => String::new(),
            label => format!("({label})"),
        };
        let line = format!(
            "{:10} {:>12}  {content} {label}",
            partition.name,
            size(partition.size)
        );
        lines.push(line.trim_end().to_owned());
    }
    if lines.is_empty() {
        lines.push(match content(&disk.name) {
            none if none.is_empty() => "no partitions".to_owned(),
            content => format!("no partitions, {content}"),
        });
    }
    lines.extend(disk.uses.iter().map(ToString::to_string));
    lines
}

/// What a program reads of a plan; a person has been told.
pub fn planned(plan: &Plan, json: bool) -> anyhow::Result<()> {
    match json {
        true => output::print_json(&value(plan)),
        false => Ok(()),
    }
}

fn value(plan: &Plan) -> serde_json::Value {
    serde_json::json!({
        "image": plan.image.path(),
        "release": plan.image.release(),
        "target": plan.target.path(),
        "size": plan.size,
        "backup_table_moved": plan.moves_backup_table(),
    })
}

/// Says what was done.
pub fn done(plan: &Plan, done: &Done, json: bool, quiet: bool) -> anyhow::Result<()> {
    let path = plan.target.path().display().to_string();
    let is_disk = matches!(plan.target, Target::Disk { .. });
    if json {
        let mut value = value(plan);
        value["written"] = done.written.into();
        value["checked"] = done.checked.into();
        value["partitions_shown"] = is_disk.then_some(done.partitions_shown).into();
        return output::print_json(&value);
    }
    say(
        &format!("{path} holds the image, byte for byte as read back."),
        quiet,
    );
    if plan.moves_backup_table() {
        let end = size(plan.size);
        say(
            &format!("Its partition table spans all {end} of it."),
            quiet,
        );
    }
    if is_disk && !done.partitions_shown {
        let what = "This kernel shows the new partitions once it is plugged in again.";
        say(what, quiet);
    }
    Ok(())
}
