//! A boot partition: the filesystem, the release on it, other programs, enrolment material.

use formats::fat::Part;

use super::{Context, enrolment, programs, release, systems};
use crate::Bytes;
use crate::files::Files;
use crate::report::{BREAKS, Break, Breaks};

/// Parts of the filesystem, and what must hold for each.
const ROWS: &[(Part, &str, &str)] = &[
    (
        Part::BackupBootSector,
        "FAT backup boot sector",
        "equal to the boot sector",
    ),
    (Part::FsInfo, "FAT FSInfo", "sound, and counts right"),
    (Part::Fats, "FAT tables", "equal, and no cluster is lost"),
    (
        Part::Directories,
        "FAT directories",
        "sound, and each cluster has one owner",
    ),
];

/// Checks the partition of `size` bytes from byte `start` of the disk on; gives the manifests that
/// its UKIs pin.
pub(super) fn check(
    context: &mut Context<'_, '_>,
    disk: &mut dyn Bytes,
    start: u64,
    size: u64,
) -> Vec<Vec<u8>> {
    let (object, what) = ("FAT boot sector", "a FAT32 volume");
    let mut files = match Files::slot(disk, start, size) {
        Ok(files) => files,
        Err(error) => {
            let found = Break {
                disk_offset: Some(start),
                ..Break::of("", error.to_string())
            };
            context.report.failed(object, what, found);
            let why = "the volume's shape is not known";
            context
                .report
                .not_checked("release", "on the boot partition", why);
            return Vec::new();
        }
    };
    if let Files::Slot { volume, .. } = &mut files {
        let geometry = volume.geometry();
        let detail = format!(
            "{} clusters of {} bytes",
            geometry.clusters, geometry.cluster_size
        );
        context.report.ok(object, what, detail);
        match volume.check(BREAKS) {
            Ok(problems) => {
                for (part, object, what) in ROWS {
                    let mut breaks = Breaks::default();
                    for problem in problems.iter().filter(|p| p.part == *part) {
                        breaks.push(Break {
                            what: problem.problem.clone(),
                            disk_offset: Some(start.saturating_add(problem.offset)),
                            expected: Some(problem.expected.clone()),
                            found: Some(problem.found.clone()),
                            ..Break::default()
                        });
                    }
                    context.report.settle(object, what, breaks, "");
                }
            }
            Err(error) => {
                let found = Break::of("", error.to_string());
                context.report.failed("FAT", "can be read", found);
            }
        }
    }
    let systems = systems::names(&mut files);
    let pinned = release::check(context, &mut files, &systems);
    programs::check(context, &mut files, &systems);
    enrolment::check(context, &mut files);
    pinned
}
