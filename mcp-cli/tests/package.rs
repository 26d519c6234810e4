//! `mcp package`: what is made of a program, and which programs are refused.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::mcp;

/// A small program, linked with the C library or without.
fn program(folder: &Path, is_static: bool) -> PathBuf {
    let source = folder.join("main.rs");
    fs::write(&source, "fn main() { println!(\"here\"); }").unwrap();
    let program = folder.join("program");
    let feature = if is_static { "+crt-static" } else { "-crt-static" };
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled = Command::new(rustc)
        .args(["-C", &format!("target-feature={feature}"), "-C", "relocation-model=static", "-o"])
        .args([&program, &source])
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{compiled:?}");
    program
}

#[test]
fn a_zip_holds_the_program_as_bootstrap_and_is_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(folder.path(), true);
    let make = |name: &str| {
        let file = folder.path().join(name);
        let program = program.to_str().unwrap();
        let made = mcp(&["package", "lambda", "--program", program, "-o", file.to_str().unwrap()]);
        assert_eq!(made.code, 0, "{made:?}");
        fs::read(file).unwrap()
    };
    let zip = make("a.zip");
    assert!(zip == make("b.zip"), "two zips of one program differ");
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    assert_eq!(zip.len(), 1);
    let mut bootstrap = zip.by_name("bootstrap").unwrap();
    assert_eq!(bootstrap.unix_mode().unwrap() & 0o777, 0o755);
    let mut bytes = Vec::new();
    bootstrap.read_to_end(&mut bytes).unwrap();
    assert!(bytes == fs::read(&program).unwrap(), "the program in the zip is another");
}

#[test]
fn an_image_refers_to_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(folder.path(), true);
    let file = folder.path().join("image.tar");
    let made = mcp(&[
        "package",
        "image",
        "--program",
        program.to_str().unwrap(),
        "--tag",
        "sales:1",
        "--json",
        "-o",
        file.to_str().unwrap(),
    ]);
    assert_eq!(made.json()["program_bytes"], json!(fs::metadata(&program).unwrap().len()));

    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(fs::File::open(&file).unwrap()).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(entry.path().unwrap().to_str().unwrap().to_owned(), bytes);
    }
    for (path, bytes) in &files {
        if let Some(digest) = path.strip_prefix("blobs/sha256/") {
            assert_eq!(hex(bytes), digest);
        }
    }
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let bytes = &files[&format!("blobs/sha256/{digest}")];
        assert_eq!(descriptor["size"], json!(bytes.len()));
        bytes
    };
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    let index = parse(&files["index.json"]);
    let manifest = parse(blob(&index["manifests"][0]));
    let config = parse(blob(&manifest["config"]));
    assert_eq!(index["manifests"][0]["platform"]["architecture"], config["architecture"]);
    assert_eq!(config["config"]["Entrypoint"], json!(["/server"]));
    assert_eq!(config["config"]["User"], json!("65534:65534"));
    let layer = blob(&manifest["layers"][0]);
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(layer.as_slice()).read_to_end(&mut tar).unwrap();
    assert_eq!(config["rootfs"]["diff_ids"][0], json!(format!("sha256:{}", hex(&tar))));
    let mut tar = tar::Archive::new(tar.as_slice());
    let server = tar.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(server.path().unwrap().to_str(), Some("server"));
    assert_eq!(server.header().mode().unwrap(), 0o755);
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_program_that_would_not_start_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let linked = program(folder.path(), false);
    let linked = linked.to_str().unwrap();
    let image = mcp(&["package", "image", "--program", linked, "-o", "/dev/null"]);
    assert_eq!(image.code, 4, "{image:?}");
    assert!(image.err.contains("crt-static"), "{image:?}");

    let other = if cfg!(target_arch = "x86_64") { "arm64" } else { "x86_64" };
    let foreign = mcp(&["package", "lambda", "--arch", other, "--program", linked]);
    assert_eq!(foreign.code, 2, "{foreign:?}");
    assert!(foreign.err.contains(&format!("not for {other}")), "{foreign:?}");

    let script = folder.path().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    let script = mcp(&["package", "lambda", "--program", script.to_str().unwrap()]);
    assert_eq!(script.code, 2, "{script:?}");
}

#[test]
fn a_cross_compiler_that_is_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let other = if cfg!(target_arch = "x86_64") { "arm64" } else { "x86_64" };
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/main.rs"), "fn main() {}").unwrap();
    let manifest = "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    let said = Command::new(env!("CARGO_BIN_EXE_mcp"))
        .args(["package", "lambda", "--arch", other])
        .current_dir(folder.path())
        .env("CARGO", env!("CARGO"))
        // Nothing but the project is there.
        .env("PATH", folder.path())
        .output()
        .unwrap();
    let said = support::said(said);
    assert_eq!((said.code, said.err.lines().count()), (4, 1), "{said:?}");
    for part in [other, "cargo-zigbuild", "rustup target add", "--program"] {
        assert!(said.err.contains(part), "{part}: {said:?}");
    }
}

/// Which toolchain is taken is seen by what stands in for cargo, rustup and the linkers: it writes down how it was called, and
/// names a program for the processor as what it has built. That a real one links is tried by hand (docs/cli.md).
#[test]
fn the_cross_toolchain_that_is_installed_builds_for_the_other_processor() {
    let (arch, other, machine) = if cfg!(target_arch = "x86_64") {
        ("aarch64", "arm64", 183_u16)
    } else {
        ("x86_64", "x86_64", 62)
    };
    let (musl, gnu) = (format!("{arch}-unknown-linux-musl"), format!("{arch}-unknown-linux-gnu"));
    let (musl_gcc, gnu_gcc) = (format!("{arch}-linux-musl-gcc"), format!("{arch}-linux-gnu-gcc"));
    let linker = |target: &str, gcc: &str| {
        format!("CARGO_TARGET_{}_LINKER={gcc}", target.replace('-', "_").to_uppercase())
    };
    for (installed, expected) in [
        (
            vec!["cargo-zigbuild", &musl_gcc, &gnu_gcc],
            vec![format!("zigbuild --target {musl} --profile release")],
        ),
        (
            vec![&musl_gcc, &gnu_gcc],
            vec![format!("build --target {musl} "), linker(&musl, &musl_gcc)],
        ),
        (vec![&gnu_gcc], vec![format!("build --target {gnu} "), linker(&gnu, &gnu_gcc)]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let built = program(folder.path(), true);
        let mut elf = fs::read(&built).unwrap();
        // What the program is for stands in bytes 18 and 19 of its header.
        elf[18..20].copy_from_slice(&machine.to_le_bytes());
        fs::write(&built, &elf).unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        let stand_in = |name: &str, text: &str| {
            let path = bin.join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(&path, mode).unwrap();
        };
        for name in &installed {
            stand_in(name, "");
        }
        stand_in("rustup", &format!("echo {musl}; echo {gnu}"));
        let record = folder.path().join("record");
        let artifact = json!({ "reason": "compiler-artifact", "executable": built });
        let root = folder.path().join("project");
        let metadata = json!({ "workspace_root": root, "target_directory": root.join("target") });
        stand_in(
            "cargo",
            &format!(
                "[ \"$1\" = metadata ] && echo '{metadata}' && exit\n{{ echo \"$@\"; export; }} >> '{}'\necho '{artifact}'",
                record.display()
            ),
        );
        let package = || {
            fs::create_dir_all(folder.path().join("project/src")).unwrap();
            fs::write(folder.path().join("project/Cargo.toml"), "[package]\nname = \"tiny\"\n")
                .unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_mcp"));
            command.args(["package", "lambda", "--arch", other, "--json"]);
            command.current_dir(&root);
            command.env("CARGO", bin.join("cargo")).env("PATH", &bin).env_remove("RUSTFLAGS");
            support::said(command.output().unwrap())
        };
        let made = package().json();
        assert_eq!(made["architecture"], json!(other), "{installed:?}");
        // Shells quote what they export.
        let called = fs::read_to_string(&record).unwrap().replace(['\'', '"'], "");
        for part in
            expected.iter().map(String::as_str).chain(["RUSTFLAGS=-C target-feature=+crt-static"])
        {
            assert!(called.contains(part), "{installed:?}: {part} in {called}");
        }

        stand_in("rustup", "echo another-target");
        let missing = package();
        assert_eq!((missing.code, missing.err.lines().count()), (4, 1), "{missing:?}");
        assert!(missing.err.contains("rustup target add "), "{missing:?}");
    }
}
