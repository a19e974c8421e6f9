//! The page.

use std::fmt::{self, Write};

use source::inventory::Component;

use super::{Image, Report, System, picture};

const STYLE: &str = include_str!("style.css");

/// The whole file.
pub fn html(report: &Report<'_>) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail.
    let _ = page(&mut out, report);
    out
}

fn page(out: &mut String, report: &Report<'_>) -> fmt::Result {
    let version = report
        .systems
        .first()
        .map_or("", |first| &first.manifest.version);
    let kernel = report
        .systems
        .first()
        .map_or("", |first| &first.manifest.kernel);
    let title = escape(&format!("{} {version}", report.name));
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p class=\"soft\">kernel {}, {}</p>\n",
        escape(kernel),
        escape(report.date)
    )?;
    if !report.warnings.is_empty() {
        out.write_str("<h2>To know</h2>\n<ul class=\"warnings\">\n")?;
        for warning in &report.warnings {
            writeln!(out, "<li>{}</li>", escape(warning))?;
        }
        out.write_str("</ul>\n")?;
    }
    for system in &report.systems {
        let name = system.manifest.system_name();
        let of = name.map_or(String::new(), |name| format!(": {name}"));
        writeln!(out, "<h2>Chain of trust{}</h2>", escape(&of))?;
        picture::write(out, report, system)?;
        starts(out, system)?;
    }
    sizes(out, report)?;
    certificates(out, report)?;
    packages(out, report.packages)?;
    out.write_str("</body>\n</html>\n")
}

fn starts(out: &mut String, system: &System<'_>) -> fmt::Result {
    writeln!(out, "<h3>What starts</h3>\n<table>")?;
    row(
        out,
        "UKI",
        &format!(
            "{}, {} without its signature",
            system.uki,
            size(system.size)
        ),
    )?;
    code(out, "Authenticode SHA-256", &system.authenticode)?;
    code(out, "command line", system.command_line)?;
    for source in &system.manifest.sources {
        code(
            out,
            "made of",
            &format!("{} {}", source.reference, source.digest),
        )?;
    }
    writeln!(out, "</table>\n<h3>What a TPM will hold</h3>\n<table>")?;
    for (register, value) in &system.pcrs {
        code(out, register, value)?;
    }
    out.write_str("</table>\n")
}

fn sizes(out: &mut String, report: &Report<'_>) -> fmt::Result {
    out.write_str(
        "<h2>Sizes</h2>\n<table>\n<tr><th>file</th><th class=\"number\">size</th><th></th></tr>\n",
    )?;
    let ukis = report
        .systems
        .iter()
        .map(|system| (system.uki.as_str(), system.size));
    let images = report
        .images
        .iter()
        .map(|image| (image.file.as_str(), image.size));
    let files: Vec<(&str, u64)> = ukis.chain(images).collect();
    bars(out, &files)?;
    out.write_str("</table>\n")?;
    for system in &report.systems {
        writeln!(
            out,
            "<details>\n<summary>In {}</summary>\n<table>",
            escape(&system.uki)
        )?;
        let sections = system
            .sections
            .iter()
            .map(|(name, size)| (name.as_str(), *size));
        bars(out, &sections.collect::<Vec<_>>())?;
        out.write_str("</table>\n</details>\n")?;
    }
    for image in &report.images {
        folders(out, image)?;
    }
    Ok(())
}

fn folders(out: &mut String, image: &Image) -> fmt::Result {
    writeln!(
        out,
        "<details open>\n<summary>In {}: {} before compression; the largest folders</summary>\n\
         <p><code>root hash {}</code></p>\n<table>",
        escape(&image.file),
        size(image.content),
        escape(&image.root_hash)
    )?;
    let folders = image.folders.iter();
    let folders = folders.map(|folder| (folder.path.as_str(), folder.bytes));
    bars(out, &folders.collect::<Vec<_>>())?;
    out.write_str("</table>\n</details>\n")
}

fn bars(out: &mut String, rows: &[(&str, u64)]) -> fmt::Result {
    let most = rows
        .iter()
        .map(|(_, bytes)| *bytes)
        .max()
        .unwrap_or(1)
        .max(1);
    for (name, bytes) in rows {
        let percent = (u128::from(*bytes) * 100).div_ceil(u128::from(most));
        writeln!(
            out,
            "<tr><td><code>{}</code></td><td class=\"number\">{}</td><td class=\"wide\">\
             <div class=\"bar\" style=\"width:{percent}%\"></div></td></tr>",
            escape(name),
            size(*bytes)
        )?;
    }
    Ok(())
}

fn certificates(out: &mut String, report: &Report<'_>) -> fmt::Result {
    out.write_str("<h2>Certificates</h2>\n<table>\n")?;
    for (role, summary) in &report.certificates {
        let what = format!(
            "{}, RSA {}, {} to {}",
            summary.subject, summary.rsa_bits, summary.not_before, summary.not_after
        );
        row(out, role, &what)?;
        code(out, "", &format!("SHA-256 {}", summary.sha256))?;
    }
    out.write_str("</table>\n")
}

fn packages(out: &mut String, parts: &[(String, Vec<Component>)]) -> fmt::Result {
    out.write_str("<h2>Packages</h2>\n")?;
    for (part, components) in parts
        .iter()
        .filter(|(_, components)| !components.is_empty())
    {
        let licences = components
            .iter()
            .filter(|one| one.license.is_some())
            .count();
        writeln!(
            out,
            "<details>\n<summary>{}: {} packages</summary>",
            escape(part),
            components.len()
        )?;
        if licences < components.len() {
            out.write_str(
                "<p class=\"soft\">Where no licence is named, its archive's metadata has none; \
                 usr/share/doc/PACKAGE/copyright of the package does.</p>\n",
            )?;
        }
        out.write_str("<table>\n<tr><th>package</th><th>version</th><th>licence</th></tr>\n")?;
        for one in components {
            writeln!(
                out,
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&one.name),
                escape(&one.version),
                escape(one.license.as_deref().unwrap_or("")),
            )?;
        }
        out.write_str("</table>\n</details>\n")?;
    }
    Ok(())
}

fn row(out: &mut String, label: &str, value: &str) -> fmt::Result {
    writeln!(
        out,
        "<tr><th>{}</th><td>{}</td></tr>",
        escape(label),
        escape(value)
    )
}

fn code(out: &mut String, label: &str, value: &str) -> fmt::Result {
    writeln!(
        out,
        "<tr><th>{}</th><td><code>{}</code></td></tr>",
        escape(label),
        escape(value)
    )
}

/// `12.3 MiB`.
fn size(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    match unit {
        "B" => format!("{bytes} B"),
        _ => format!("{value:.1} {unit}"),
    }
}

/// Text as it is, wherever it comes from.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            control if control.is_control() => out.push('\u{fffd}'),
            plain => out.push(plain),
        }
    }
    out
}
