//! What a root lacks that a machine needs, said before anything is built: container images have no
//! password, often no getty, and expect that their host does the rest. Nothing of it stops a build.

use source::tree::Tree;

use super::program::Program;

/// Largest file of settings that is looked into, in bytes.
const MOST: u64 = 1 << 20;

/// A root, and what is going to start it.
pub struct Look<'a> {
    /// Its files.
    pub tree: &'a Tree,
    /// What becomes PID 1.
    pub program: &'a Program,
    /// Whether it can be written to.
    pub writable: bool,
    /// The kernel's command line, which names the consoles.
    pub command_line: &'a str,
}

/// What to look for, in the order of a boot.
const RULES: &[fn(&Look<'_>) -> Vec<String>] =
    &[machine_id, programs_of_inittab, consoles, login, modprobe];

/// A line for each thing that is missing. A container's own command needs none of it.
pub fn missing(look: &Look<'_>) -> Vec<String> {
    match look.program.is_command {
        true => Vec::new(),
        false => RULES.iter().flat_map(|rule| rule(look)).collect(),
    }
}

impl Look<'_> {
    fn has(&self, path: &str) -> bool {
        let real = self.tree.resolve(path);
        real.is_ok_and(|real| self.tree.get(real).is_some())
    }

    fn text(&self, path: &str) -> Option<String> {
        let real = self.tree.resolve(path).ok()?;
        let bytes = self.tree.read(real, MOST).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether the program is this one, under whatever name.
    fn is(&self, name: &str) -> bool {
        let real = self.tree.resolve(&self.program.path).unwrap_or_default();
        real.rsplit(|byte| *byte == b'/').next() == Some(name.as_bytes())
    }

    /// The terminals that the command line calls consoles: `tty1` stands for the screen.
    fn consoles(&self) -> Vec<&str> {
        let words = self.command_line.split_ascii_whitespace();
        let names = words.filter_map(|word| word.strip_prefix("console="));
        let names = names.map(|word| word.split(',').next().unwrap_or_default());
        let mut names: Vec<&str> = names
            .map(|name| if name == "tty0" { "tty1" } else { name })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The rows of busybox's or sysvinit's inittab: identifier, runlevels, action, program.
    fn inittab(&self) -> Vec<(String, String)> {
        let text = self.text("etc/inittab").unwrap_or_default();
        let rows = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'));
        let rows = rows.filter_map(|line| {
            let mut fields = line.splitn(4, ':');
            let name = fields.next()?.to_owned();
            let program = fields.nth(2)?.trim_start_matches(['-', '+', '@']);
            Some((name, program.split_ascii_whitespace().next()?.to_owned()))
        });
        rows.collect()
    }
}

fn machine_id(look: &Look<'_>) -> Vec<String> {
    let lacks = look.is("systemd") && !look.writable && !look.has("etc/machine-id");
    let line = "systemd has nowhere to keep its machine-id: add an empty /etc/machine-id, or say \
                root.mode = \"overlay\"";
    lacks.then(|| line.to_owned()).into_iter().collect()
}

fn programs_of_inittab(look: &Look<'_>) -> Vec<String> {
    if look.is("systemd") {
        return Vec::new();
    }
    let mut missing: Vec<String> = look
        .inittab()
        .into_iter()
        .map(|(_, program)| program)
        .collect();
    missing.retain(|program| program.starts_with('/') && !look.has(program));
    missing.sort_unstable();
    missing.dedup();
    let lines = missing
        .iter()
        .map(|program| format!("etc/inittab starts {program}, which is not there"));
    lines.collect()
}

fn consoles(look: &Look<'_>) -> Vec<String> {
    if look.is("systemd") {
        // Its generator starts one on every console, when there is one to start.
        let getty = ["sbin/agetty", "usr/sbin/agetty"]
            .iter()
            .any(|path| look.has(path));
        let line = "no agetty: systemd has nothing to ask for a login with on any console";
        return (!getty).then(|| line.to_owned()).into_iter().collect();
    }
    let rows = look.inittab();
    let served = |console: &str| {
        let named = |(name, program): &(String, String)| {
            let getty = program.contains("getty") || program.contains("sh");
            getty && (name == console || name.is_empty())
        };
        // sysvinit's rows have the terminal among the arguments.
        let text = look.text("etc/inittab").unwrap_or_default();
        let mut lines = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        rows.iter().any(named)
            || lines.any(|line| line.split_ascii_whitespace().any(|word| word == console))
    };
    let silent = look
        .consoles()
        .into_iter()
        .filter(|console| !served(console));
    silent
        .map(|console| {
            format!("nothing asks for a login on {console}: etc/inittab has no line for it")
        })
        .collect()
}

fn login(look: &Look<'_>) -> Vec<String> {
    let shadow = look.text("etc/shadow").or_else(|| look.text("etc/passwd"));
    let secrets = shadow.as_deref().unwrap_or_default().lines();
    let mut secrets = secrets.filter_map(|line| line.split(':').nth(1));
    // crypt(5): what is no hash matches no password.
    let opens = |secret: &str| secret.is_empty() || secret.starts_with('$');
    let mut paths = look.tree.iter().map(|(path, _, _)| path);
    if secrets.any(opens) || paths.any(|path| path.ends_with(b"/.ssh/authorized_keys")) {
        return Vec::new();
    }
    vec!["nobody can log in: no account has a password or SSH keys".to_owned()]
}

fn modprobe(look: &Look<'_>) -> Vec<String> {
    let there = [
        "sbin/modprobe",
        "usr/sbin/modprobe",
        "bin/kmod",
        "usr/bin/kmod",
    ];
    if there.iter().any(|path| look.has(path)) {
        return Vec::new();
    }
    vec!["no modprobe: there are no drivers but those that found the disk".to_owned()]
}

#[cfg(test)]
mod tests {
    use contract::boot::Surroundings;

    use super::*;

    const LINE: &str = "console=ttyS0,115200 console=tty0 quiet";

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::new();
        for (path, text) in files {
            tree.add_file(path, text.as_bytes(), 0o755).unwrap();
        }
        tree
    }

    fn said(path: &str, files: &[(&str, &str)]) -> Vec<String> {
        let mut tree = tree(files);
        tree.add_file("bin/busybox", &b""[..], 0o755).unwrap();
        tree.add_file("usr/lib/systemd/systemd", &b""[..], 0o755)
            .unwrap();
        tree.add_symlink("sbin/init", "/bin/busybox").unwrap();
        let program = Program {
            path: path.to_owned(),
            arguments: Vec::new(),
            surroundings: Surroundings::default(),
            is_command: path == "/bin/serve",
        };
        missing(&Look {
            tree: &tree,
            program: &program,
            writable: false,
            command_line: LINE,
        })
    }

    #[test]
    fn a_bare_image_with_busybox_lacks_much() {
        let inittab = "::sysinit:/sbin/openrc sysinit\ntty1::respawn:/sbin/getty 38400 tty1\n\
                       #ttyS0::respawn:/sbin/getty -L ttyS0 115200 vt100\n";
        let files = [
            ("etc/inittab", inittab),
            ("sbin/getty", ""),
            ("etc/shadow", "root:*::0:::::\napp:!:::::::\n"),
        ];
        assert_eq!(
            said("/sbin/init", &files),
            [
                "etc/inittab starts /sbin/openrc, which is not there",
                "nothing asks for a login on ttyS0: etc/inittab has no line for it",
                "nobody can log in: no account has a password or SSH keys",
                "no modprobe: there are no drivers but those that found the disk",
            ]
        );
    }

    #[test]
    fn a_bare_image_with_systemd_lacks_other_things() {
        let said = said(
            "/usr/lib/systemd/systemd",
            &[("etc/passwd", "root:x:0:0::/root:\n")],
        );
        let words = [
            "machine-id",
            "no agetty",
            "nobody can log in",
            "no modprobe",
        ];
        assert_eq!(said.len(), words.len(), "{said:?}");
        for (line, word) in said.iter().zip(words) {
            assert!(line.contains(word), "{said:?}");
        }
    }

    #[test]
    fn a_complete_one_lacks_nothing() {
        let inittab = "tty1::respawn:/sbin/getty 38400 tty1\n\
                       T0:23:respawn:/sbin/getty -L ttyS0 115200 vt100\n";
        let complete = [
            ("etc/inittab", inittab),
            ("sbin/getty", ""),
            ("sbin/modprobe", ""),
            ("etc/shadow", "root:$y$j9T$x:19000::::::\n"),
        ];
        assert_eq!(said("/sbin/init", &complete), [""; 0]);
        let systemd = [
            ("etc/machine-id", ""),
            ("usr/sbin/agetty", ""),
            ("usr/bin/kmod", ""),
            ("home/app/.ssh/authorized_keys", "ssh-ed25519 A"),
        ];
        assert_eq!(said("/usr/lib/systemd/systemd", &systemd), [""; 0]);
        assert_eq!(said("/bin/serve", &[]), [""; 0]);
    }
}
