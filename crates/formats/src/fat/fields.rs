//! A volume, field by field: boot sectors, FSInfo, tables, directories with clusters.

use std::io;

use super::format::{BootSector, FsInfo};
use super::reader::Volume;
use crate::fields::{Field, Row, Source, rows, show, structure, value_of};

const BOOT: &[Row] = rows!(BootSector {
    jump: "BS_jmpBoot" => show::bytes,
    oem_name: "BS_OEMName" => show::text,
    bytes_per_sector: "BPB_BytsPerSec" => show::number,
    sectors_per_cluster: "BPB_SecPerClus" => show::number,
    reserved_sectors: "BPB_RsvdSecCnt" => show::number,
    fats: "BPB_NumFATs" => show::number,
    root_entries: "BPB_RootEntCnt" => show::number,
    total_sectors_16: "BPB_TotSec16" => show::number,
    media: "BPB_Media" => show::hex,
    fat_sectors_16: "BPB_FATSz16" => show::number,
    sectors_per_track: "BPB_SecPerTrk" => show::number,
    heads: "BPB_NumHeads" => show::number,
    hidden_sectors: "BPB_HiddSec" => show::number,
    total_sectors: "BPB_TotSec32" => show::number,
    fat_sectors: "BPB_FATSz32" => show::number,
    extended_flags: "BPB_ExtFlags" => show::hex,
    version: "BPB_FSVer" => show::hex,
    root_cluster: "BPB_RootClus" => show::number,
    fs_info_sector: "BPB_FSInfo" => show::number,
    backup_boot_sector: "BPB_BkBootSec" => show::number,
    reserved: "BPB_Reserved" => show::reserved,
    drive: "BS_DrvNum" => show::hex,
    reserved_1: "BS_Reserved1" => show::hex,
    boot_signature: "BS_BootSig" => show::hex,
    serial: "BS_VolID" => show::hex,
    label: "BS_VolLab" => show::text,
    filesystem: "BS_FilSysType" => show::text,
    boot_code: "boot code" => show::reserved,
    signature: "Signature_word" => show::hex,
});

const INFO: &[Row] = rows!(FsInfo {
    lead_signature: "FSI_LeadSig" => show::text,
    reserved_1: "FSI_Reserved1" => show::reserved,
    struct_signature: "FSI_StrucSig" => show::text,
    free_clusters: "FSI_Free_Count" => show::number,
    next_free: "FSI_Nxt_Free" => show::number,
    reserved_2: "FSI_Reserved2" => show::reserved,
    trail_signature: "FSI_TrailSig" => show::hex,
});

/// Whether bytes start a FAT32 volume, sound or not.
pub fn is_volume(start: &[u8]) -> bool {
    value_of::<BootSector>(start)
        .is_some_and(|boot| boot.signature == [0x55, 0xaa] && boot.filesystem.starts_with(b"FAT32"))
}

/// A FAT32 volume.
///
/// # Errors
///
/// When it cannot be read.
pub fn fields(volume: &mut Source<'_>) -> io::Result<Vec<Field>> {
    let bytes = volume.at(0, size_of::<BootSector>())?;
    let of = Some("fatgen103, Boot Sector and BPB");
    let sector = |place: u64, bytes: &[u8], name: &'static str| {
        let fields = structure(place, bytes, BOOT);
        Field::of((place, bytes.len() as u64), name, of, fields)
    };
    let mut fields = vec![sector(volume.place(0), &bytes, "boot sector")];
    let Some(boot) = value_of::<BootSector>(&bytes) else {
        return Ok(fields);
    };
    let sector_size = u64::from(boot.bytes_per_sector.get());
    let numbers = [boot.fs_info_sector.get(), boot.backup_boot_sector.get()];
    let [info, backup] = numbers.map(|number| u64::from(number) * sector_size);
    if info > 0 {
        let bytes = volume.at(info, size_of::<FsInfo>())?;
        let place = volume.place(info);
        let inside = structure(place, &bytes, INFO);
        let of = Some("fatgen103, FSInfo");
        fields.push(Field::of((place, bytes.len() as u64), "FSInfo", of, inside));
    }
    if backup > 0 {
        let bytes = volume.at(backup, size_of::<BootSector>())?;
        let place = volume.place(backup);
        fields.push(sector(place, &bytes, "backup boot sector"));
    }
    tables(volume, &boot, &mut fields)?;
    let (place, size) = (volume.place(0), volume.size());
    match Volume::open(&mut *volume, 0, size) {
        Ok(mut opened) => fields.extend(opened.directory_fields(place)),
        Err(error) => fields.push(Field::ended(place, error.to_string())),
    }
    Ok(fields)
}

/// Where the tables are, and their first two entries, which stand for no clusters.
fn tables(volume: &mut Source<'_>, boot: &BootSector, fields: &mut Vec<Field>) -> io::Result<()> {
    let sector = u64::from(boot.bytes_per_sector.get());
    let size = u64::from(boot.fat_sectors.get()) * sector;
    for number in 0..u64::from(boot.fats.min(2)) {
        let start = u64::from(boot.reserved_sectors.get()) * sector + number * size;
        let place = volume.place(start);
        let entries = volume.at(start, 8)?;
        let mut inside = Vec::new();
        for (name, entry) in ["FAT[0]", "FAT[1]"]
            .into_iter()
            .zip(entries.chunks_exact(4))
        {
            let at = place.saturating_add(4 * inside.len() as u64);
            inside.push(Field::new(at, 4, name, show::hex(entry)));
        }
        let of = Some("fatgen103, FAT Data Structure");
        fields.push(Field::of(
            (place, size),
            format!("FAT {number}"),
            of,
            inside,
        ));
    }
    Ok(())
}
