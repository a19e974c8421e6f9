//! A machine in a folder, and what a rehearsal on it gave.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use contract::boot::{Boot, Check, Execute, Root, RootHashSignatures, SecureBoot, Surroundings};
use contract::esp;
use contract::manifest::{Image, ImageName, Manifest};
use formats::gpt::{Layout, Partition, SectorSize};

pub const KERNEL: &str = "6.12.0-test";
pub const GUID: &str = "11111111-2222-3333-4444-555555555555";
pub const OTHER: &str = "99999999-2222-3333-4444-555555555555";
pub const VENDOR: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
pub const LOADER: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";

/// What the releases here are built with.
pub const LINE: &str = "quiet sealboot.wait=7 sealboot.pause=5";

/// What the kernel says of its lockdown.
pub const LOCKDOWN: &str = "mounted/securityfs/lockdown";

pub const DATA: u64 = 8192;

/// A machine in a folder.
pub struct Machine {
    folder: tempfile::TempDir,
}

/// What a rehearsal gave.
pub struct Outcome {
    pub said: String,
    pub code: Option<i32>,
}

pub fn manifest(version: &str) -> Manifest {
    let images = [ImageName::Modules, ImageName::Firmware, ImageName::Root].map(|name| Image {
        name,
        file: esp::image_file(name.as_str()),
        size: DATA + 8192,
        data_size: DATA,
        hash_offset: DATA,
        salt: "00ff".to_owned(),
        root_hash: "ab".repeat(32),
    });
    Manifest {
        version: version.to_owned(),
        system: None,
        kernel: KERNEL.to_owned(),
        images: images.to_vec(),
        policy: None,
        sources: Vec::new(),
    }
}

pub fn boot() -> Boot {
    Boot {
        root_hash_signatures: RootHashSignatures::Checked,
        root: Root::ReadOnly,
        init: "/sbin/init".to_owned(),
        init_arguments: vec!["--one".to_owned()],
        surroundings: Surroundings::default(),
        check: Check::Full,
        secure_boot: SecureBoot::Optional,
        execute: Execute::Any,
        command_line: LINE.to_owned(),
    }
}

impl Machine {
    /// One that starts: Secure Boot on, the boot partition on `vda`, started from there.
    pub fn good() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        machine.write("kernel-version", KERNEL);
        machine.write("release.json", manifest("1.4").to_json());
        machine.write("boot.json", boot().to_json());
        machine.modules();
        machine.write(&variable("SecureBoot", VENDOR), [6, 0, 0, 0, 1]);
        machine.write(&variable("SetupMode", VENDOR), [6, 0, 0, 0, 0]);
        machine.write(LOCKDOWN, "none [integrity] confidentiality\n");
        machine.started_from(GUID);
        machine.disk("vda", &[GUID]);
        machine.release_on("vda1", "1.4");
        for image in ["root", "modules", "firmware"] {
            machine.write(&format!("dev/mapper/sealboot-{image}"), [0; DATA as usize]);
        }
        machine.root_image();
        machine
    }

    pub fn modules(&self) {
        let at = |name: &str| format!("usr/lib/modules/{KERNEL}/{name}");
        let required = contract::modules::REQUIRED.iter();
        let mut dep: String = required
            .map(|name| format!("kernel/{name}.ko:\n"))
            .collect();
        dep.push_str(
            "kernel/overlay.ko:\nkernel/virtio-blk.ko: kernel/virtio-ring.ko kernel/virtio.ko\n\
             kernel/virtio-ring.ko: kernel/virtio.ko\nkernel/virtio.ko:\nkernel/uas.ko:\n",
        );
        self.write(&at("modules.dep"), dep);
        self.write(
            &at("modules.alias"),
            "alias virtio:d00000002v* virtio_blk\nalias usb:v*ip62in* uas\n",
        );
        self.write(&at("modules.softdep"), "");
        self.write(&at("modules.builtin"), "kernel/sd_mod.ko\n");
        self.write(
            "sys/devices/pci0/virtio0/modalias",
            "virtio:d00000002v00001AF4\n",
        );
        self.write("sys/devices/pci0/odd/modalias", "odd:nobody-wants-it\n");
    }

    /// A disk whose EFI partitions have these GUIDs.
    pub fn disk(&self, name: &str, guids: &[&str]) {
        let partitions = (1..).zip(guids).map(|(number, guid)| Partition {
            number,
            type_guid: esp::PARTITION_TYPE,
            guid: guid.parse().unwrap(),
            first_lba: 2048 * u64::from(number),
            last_lba: 2048 * u64::from(number) + 100,
            attributes: 0,
            name: esp::SLOT_A_NAME.to_owned(),
        });
        let size = 8 << 20;
        let layout = Layout::new(
            SectorSize::B512,
            size,
            OTHER.parse().unwrap(),
            partitions.collect(),
        );
        self.write(&format!("dev/{name}"), "");
        let mut disk = File::options()
            .write(true)
            .read(true)
            .open(self.path(&format!("dev/{name}")))
            .unwrap();
        disk.set_len(size).unwrap();
        layout.unwrap().write(&mut disk).unwrap();
        let folder = format!("sys/devices/pci0/{name}");
        self.write(&format!("{folder}/size"), (size / 512).to_string());
        self.write(&format!("{folder}/queue/logical_block_size"), "512\n");
        self.link(&format!("sys/class/block/{name}"), &folder);
        for number in 1..=guids.len() {
            let folder = format!("{folder}/{name}{number}");
            self.write(&format!("{folder}/size"), "101\n");
            self.write(&format!("{folder}/partition"), number.to_string());
            self.link(&format!("sys/class/block/{name}{number}"), &folder);
        }
    }

    /// What is on a partition.
    pub fn release_on(&self, device: &str, version: &str) {
        let at = |name: &str| format!("mounted/{device}/sealboot/{name}");
        self.write(&at("release.json"), manifest(version).to_json());
        for image in ["root", "modules", "firmware"] {
            self.write(
                &at(&esp::image_file(image)),
                vec![0; (DATA + 8192) as usize],
            );
            self.write(&at(&esp::signature_file(image)), "signature");
        }
    }

    /// Takes a disk away, to come back after so many seconds of waiting.
    pub fn appears_after(&self, seconds: u32, disk: &str) {
        let later = self.path(&format!("later/{seconds}"));
        fs::create_dir_all(&later).unwrap();
        for entry in fs::read_dir(self.path("sys/class/block")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.starts_with(disk) {
                let from = self.path("sys/class/block").join(&name);
                fs::rename(from, later.join(name)).unwrap();
            }
        }
    }

    pub fn root_image(&self) {
        let at = |name: &str| format!("mounted/sealboot-root/{name}");
        for place in [
            "dev",
            "proc",
            "sys",
            "run",
            "usr/lib/firmware",
            &format!("usr/lib/modules/{KERNEL}"),
        ] {
            fs::create_dir_all(self.path(&at(place))).unwrap();
        }
        symlink("/usr/lib", self.path(&at("lib"))).unwrap();
        self.write(&at("usr/sbin/real-init"), "#!");
        fs::set_permissions(
            self.path(&at("usr/sbin/real-init")),
            fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        fs::create_dir_all(self.path(&at("sbin"))).unwrap();
        symlink("/usr/sbin/real-init", self.path(&at("sbin/init"))).unwrap();
    }

    pub fn started_from(&self, guid: &str) {
        let text = guid
            .to_uppercase()
            .encode_utf16()
            .chain([0])
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>();
        self.write(
            &variable("LoaderDevicePartUUID", LOADER),
            [vec![6, 0, 0, 0], text].concat(),
        );
    }

    /// Forgets what a rehearsal mounted and left: the next one is another boot.
    pub fn restart(&self) {
        for folder in ["run", "sysroot"] {
            let path = self.path(folder);
            let _ = fs::remove_file(&path);
            let _ = fs::remove_dir_all(&path);
        }
    }

    pub fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    pub fn link(&self, at: &str, to: &str) {
        fs::create_dir_all(self.path(at).parent().unwrap()).unwrap();
        symlink(self.path(to), self.path(at)).unwrap();
    }

    pub fn start(&self) -> Outcome {
        self.start_with(LINE)
    }

    /// With a command line that is not the release's, unless that was changed, too.
    pub fn start_with(&self, command_line: &str) -> Outcome {
        let output = Command::new(env!("CARGO_BIN_EXE_sealboot-init"))
            .arg("--test-root")
            .arg(self.folder.path())
            .args(["--test-cmdline", command_line])
            .output()
            .unwrap();
        Outcome {
            said: String::from_utf8(output.stdout).unwrap(),
            code: output.status.code(),
        }
    }
}

pub fn variable(name: &str, vendor: &str) -> String {
    format!("sys/firmware/efi/efivars/{name}-{vendor}")
}

impl Outcome {
    /// The screen's words without their line breaks.
    pub fn words(&self) -> String {
        self.said.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub fn started(&self) -> bool {
        self.code == Some(0) && self.said.contains("would start /sbin/init")
    }

    pub fn refused(&self) -> bool {
        let ends = self.said.contains("THIS RELEASE WAS NOT STARTED")
            && self.said.ends_with("would wait 5 seconds\nwould restart\n");
        self.code == Some(1) && ends && !self.said.contains("would start")
    }
}

/// Times and descriptors differ from run to run.
pub fn steady(said: &str) -> String {
    let line = |line: &str| {
        let line = line.split_once(" MiB in ").map_or(line, |(head, _)| head);
        match line.split_once("/proc/self/fd/") {
            Some((head, tail)) => format!(
                "{head}<fd>{}",
                tail.trim_start_matches(|c: char| c.is_ascii_digit())
            ),
            None => line.to_owned(),
        }
    };
    said.lines().map(line).collect::<Vec<_>>().join("\n")
}
