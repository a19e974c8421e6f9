//! The chain of trust as a picture: who vouches for what, from the firmware to the last file.

use std::fmt::{self, Write};

use super::html::escape;
use super::{Report, System};

/// Width of the picture, and of what is between two boxes, in its own units.
const WIDTH: usize = 880;
const GAP: usize = 20;
const HEIGHT: usize = 64;
/// From the top of one row of boxes to that of the next.
const STEP: usize = 108;

/// A box: its heading, and what is said in it.
type Part = (String, Vec<String>);

pub(super) fn write(out: &mut String, report: &Report<'_>, system: &System<'_>) -> fmt::Result {
    let rows = rows(report, system);
    let height = (rows.len() - 1) * STEP + HEIGHT + 2;
    let of = system.manifest.title();
    write!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Chain of trust of {}\">\n\
         <defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n",
        escape(&of)
    )?;
    for (number, (says, parts)) in rows.iter().enumerate() {
        let top = number * STEP + 1;
        let gaps = GAP * parts.len().saturating_sub(1);
        let width = (WIDTH - 2).saturating_sub(gaps) / parts.len().max(1);
        for (index, part) in parts.iter().enumerate() {
            let left = 1 + index * (width + GAP);
            block(out, (left, top, width), part)?;
            if number > 0 {
                let (middle, from, to) = (left + width / 2, top - STEP + HEIGHT, top - 2);
                writeln!(out, "<path d=\"M{middle} {from}V{to}\"/>")?;
            }
        }
        if number > 0 {
            // Beside the first arrow.
            let (x, y) = (1 + width / 2 + 10, top - 16);
            writeln!(
                out,
                "<text class=\"soft\" x=\"{x}\" y=\"{y}\">{}</text>",
                escape(says)
            )?;
        }
    }
    out.write_str("</svg>\n")
}

fn block(out: &mut String, (left, top, width): (usize, usize, usize), part: &Part) -> fmt::Result {
    let (heading, lines) = part;
    writeln!(
        out,
        "<rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{HEIGHT}\" rx=\"6\"/>\n\
         <text x=\"{}\" y=\"{}\">{}</text>",
        left + 10,
        top + 20,
        escape(heading)
    )?;
    for (number, line) in lines.iter().enumerate() {
        let (x, y) = (left + 10, top + 38 + 16 * number);
        writeln!(
            out,
            "<text class=\"soft\" x=\"{x}\" y=\"{y}\">{}</text>",
            escape(line)
        )?;
    }
    Ok(())
}

/// Rows of boxes, each with how the row above vouches for it.
fn rows(report: &Report<'_>, system: &System<'_>) -> Vec<(&'static str, Vec<Part>)> {
    let db = report.certificates.iter().find(|(role, _)| *role == "db");
    let db = db.map_or_else(Vec::new, |(_, db)| {
        vec![db.subject.clone(), short(&db.sha256.replace(':', ""))]
    });
    let manifest = system.manifest;
    let images = manifest.images.iter().map(|image| {
        let lines = vec![image.file.clone(), short(&image.root_hash)];
        (image.name.to_string(), lines)
    });
    let runs = match &manifest.policy {
        Some(_) => "executes what these images hold, and nothing else",
        None => "executes whatever root brings there: no execution policy",
    };
    vec![
        ("", vec![("firmware, db".to_owned(), db)]),
        (
            "verifies the Authenticode signature",
            vec![(
                system.uki.clone(),
                vec![
                    "kernel, initrd and command line, all signed".to_owned(),
                    short(&system.authenticode),
                ],
            )],
        ),
        (
            "whose initrd pins",
            vec![(
                format!("release {}", manifest.title()),
                vec![
                    format!("kernel {}", manifest.kernel),
                    "root hashes of all images".to_owned(),
                ],
            )],
        ),
        (
            "which the kernel checks, block by block, in",
            images.collect(),
        ),
        (
            "with which the system starts",
            vec![("running system".to_owned(), vec![runs.to_owned()])],
        ),
    ]
}

fn short(hash: &str) -> String {
    let start: String = hash.chars().take(24).collect();
    format!("{}…", start.to_ascii_lowercase())
}
