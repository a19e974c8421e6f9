//! The recovery system as a person meets it: over SSH, and at the console.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::boots::SCREEN;
use crate::live::Live;
use crate::release::{self, AS_READ, Release, scratch, sealboot, succeed};

/// Last on the first screen where nobody gets a shell.
const NO_SHELL: &str = "No shell on this console.";

/// A recovery that gives nobody a shell at its console, and one key an SSH login.
fn by_ssh_only() -> &'static (Release, PathBuf) {
    static RELEASE: OnceLock<(Release, PathBuf)> = OnceLock::new();
    RELEASE.get_or_init(|| {
        let key = scratch("ssh-keys").join("owner");
        let line = make_key(&key);
        let config =
            format!("[recovery]\nconsole = 'none'\nauthorized_keys = ['{line}']\n{AS_READ}");
        (release::build("recovery", &config), key)
    })
}

fn make_key(path: &std::path::Path) -> String {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "owner", "-f"]);
    tests::stdout("openssh-client", command.arg(path));
    let line = fs::read_to_string(path.with_extension("pub")).unwrap();
    line.trim().to_owned()
}

/// ssh(1) to the machine, with options of its own and without those of whoever runs the tests.
fn ssh(machine: &Live, options: &[&str], command: &str) -> Output {
    let mut ssh = Command::new("ssh");
    ssh.args(["-v", "-F", "none", "-p", &machine.ssh_port.to_string()]);
    for option in [
        "BatchMode=yes",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
        "ConnectTimeout=60",
    ] {
        ssh.args(["-o", option]);
    }
    ssh.args(options).args(["root@127.0.0.1", command]);
    tests::output("openssh-client", &mut ssh)
}

/// What a command prints that must end well.
#[track_caller]
fn said(machine: &Live, key: &str, command: &str) -> String {
    let output = ssh(machine, &["-i", key], command);
    let err = String::from_utf8_lossy(&output.stderr);
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    machine.must(output.status.success(), &format!("{command}: {out}\n{err}"));
    out
}

/// The TPM holds what was computed from the files alone.
fn as_foretold(machine: &Live, key: &str, release: &Release) {
    let mut measure = sealboot();
    measure
        .args(["measure", "--json", "--keys"])
        .arg(&release.keys);
    let told = succeed(measure.arg(release.out.join("kernel.efi")));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let told = told["pcrs"].as_array().unwrap();
    for pcr in [4, 7, 11] {
        let row = told.iter().find(|row| row["pcr"] == pcr).unwrap();
        let file = format!("cat /sys/class/tpm/tpm0/pcr-sha256/{pcr}");
        let found = said(machine, key, &file).trim().to_lowercase();
        machine.must(
            row["sha256"] == found.as_str(),
            &format!("PCR {pcr} is {found}, and not as foretold: {row}"),
        );
    }
}

/// What a recovery must be able to do; the command's success is the answer.
const CAN: &[(&str, &str)] = &[
    (
        "make and check ext4",
        "truncate -s 64M /tmp/e && mkfs.ext4 -q /tmp/e && fsck.ext4 -fn /tmp/e",
    ),
    (
        "make and check btrfs",
        "truncate -s 200M /tmp/b && mkfs.btrfs -q /tmp/b && btrfs check /tmp/b",
    ),
    (
        "make and check FAT",
        "truncate -s 64M /tmp/f && mkfs.vfat -F 32 -n LABEL /tmp/f && fsck.vfat -n /tmp/f",
    ),
    (
        "mount what it made",
        "mkdir /mnt/e && mount -o loop /tmp/e /mnt/e && mkdir /mnt/e/x && umount /mnt/e",
    ),
    (
        "partition a disk",
        "truncate -s 64M /tmp/d && printf 'label: gpt\\n,32M,L\\n' | sfdisk -q /tmp/d && \
         sfdisk -d /tmp/d | grep -q 0FC63DAF",
    ),
    ("edit a file", "nano --version && vi --help"),
    (
        "look at disks",
        "lsblk --properties-by blkid -no LABEL | grep SEALBOOT-A && blkid",
    ),
    (
        "trust a TLS server",
        "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt | grep ...",
    ),
    ("ask for names", "grep ^nameserver /etc/resolv.conf"),
    ("use DHCP", "ip -4 address show scope global | grep 10.0.2."),
    (
        "use SLAAC",
        "for i in $(seq 30); do ip -6 address show dev eth0 | grep dynamic && exit 0; sleep 1; done; exit 1",
    ),
    ("copy files", "test -x /usr/lib/sftp-server"),
    (
        "load a module",
        "modprobe ntfs3 && grep ^ntfs3 /proc/modules",
    ),
    (
        "run every program with its libraries",
        "for p in /usr/bin/* /usr/sbin/*; do if ! test -L $p && \
         /lib64/ld-linux-x86-64.so.2 --list $p 2>&1 | grep 'not found'; then exit 1; fi; done",
    ),
    (
        "find every applet in busybox",
        "busybox --list >/tmp/applets; for p in /usr/bin/* /usr/sbin/*; do \
         case $(readlink $p) in busybox|../bin/busybox) \
         grep -Fqx -- ${p##*/} /tmp/applets || exit 1;; esac; done",
    ),
];

#[test]
fn the_owners_key_logs_in_and_nothing_else_does() {
    let (release, key) = by_ssh_only();
    let key = key.to_str().unwrap();
    let machine = Live::start(release, "recovery-ssh");
    machine.wait_for(NO_SHELL);

    let status = said(&machine, key, "sealboot status --json");
    let status: serde_json::Value = serde_json::from_str(&status).expect("status is JSON");
    machine.must(
        status["secure_boot"]["state"] == "on",
        "Secure Boot is not on",
    );
    let started_from = status["disks"].as_array().unwrap().iter().any(|disk| {
        let holds = disk["holds"].as_array().unwrap();
        holds
            .iter()
            .any(|held| held["running"] == true && held["release"] == status["release"])
    });
    machine.must(
        started_from,
        &format!("no disk holds this release: {status:#}"),
    );
    as_foretold(&machine, key, release);
    for (what, command) in CAN {
        let output = ssh(&machine, &["-i", key], command);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        machine.must(
            output.status.success(),
            &format!("it cannot {what}: {text}"),
        );
    }

    // Whoever looks at the screen can tell that it is this machine that answers.
    let host_key = status["recovery"]["host_key"].as_str().unwrap();
    let seen = ssh(&machine, &["-i", key], "true");
    let seen = String::from_utf8_lossy(&seen.stderr).into_owned();
    machine.must(seen.contains(host_key), "ssh saw another host key");
    machine.must(
        machine.serial().contains(host_key),
        "the screen has another host key",
    );

    let stranger = scratch("ssh-stranger").join("stranger");
    make_key(&stranger);
    let refused = [
        &["-i", stranger.to_str().unwrap()][..],
        &["-o", "PubkeyAuthentication=no"],
        &[
            "-o",
            "PubkeyAuthentication=no",
            "-o",
            "PreferredAuthentications=password",
        ],
        &[
            "-o",
            "PubkeyAuthentication=no",
            "-o",
            "PreferredAuthentications=keyboard-interactive",
        ],
    ];
    for options in refused {
        let output = ssh(&machine, options, "echo inside");
        let err = String::from_utf8_lossy(&output.stderr);
        machine.must(
            output.stdout.is_empty(),
            &format!("{options:?} came inside"),
        );
        machine.must(
            err.contains("Permission denied (publickey)."),
            &format!("{options:?} was not refused, or could have gone on otherwise:\n{err}"),
        );
    }

    // Nothing listens but SSH (and the DHCP client, on UDP).
    let listening = said(&machine, key, "netstat -ltn | tail -n +3");
    let others = listening.lines().filter(|line| !line.contains(":22 "));
    machine.must(
        others.count() == 0,
        &format!("something else listens:\n{listening}"),
    );
}

#[test]
fn without_a_shell_in_the_configuration_the_console_gives_none() {
    let (release, key) = by_ssh_only();
    let mut machine = Live::start(release, "recovery-none");
    machine.wait_for(NO_SHELL);
    machine.type_text("\r\recho inside $((6*7))\r");
    // What is typed has surely arrived when a login has come and gone.
    let terminals = said(
        &machine,
        key.to_str().unwrap(),
        "sleep 2; for f in /proc/[0-9]*/fd/*; do readlink $f; done | grep -E '^/dev/(tty|console)'; true",
    );
    machine.must(
        !machine.serial().contains("inside 42"),
        "somebody executed what was typed",
    );
    // The first screen's own process writes there, and nobody reads.
    let inittab = said(
        &machine,
        key.to_str().unwrap(),
        "cat /etc/inittab; ps | grep -v '\\[' ",
    );
    machine.must(
        !inittab.contains("sh -l"),
        &format!("a shell runs:\n{inittab}\n{terminals}"),
    );
}

#[test]
fn with_a_shell_in_the_configuration_the_console_gives_one() {
    let mut machine = Live::start(release::default(), "recovery-shell");
    machine.wait_for(SCREEN);
    machine.type_text("echo inside $((6*7))\r");
    machine.wait_for("inside 42");
    // No key, no SSH server: QEMU takes the connection and finds nobody behind it.
    let output = ssh(&machine, &[], "echo inside");
    let err = String::from_utf8_lossy(&output.stderr);
    machine.must(
        !err.contains("remote software version"),
        &format!("SSH answers:\n{err}"),
    );
}
