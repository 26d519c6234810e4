//! An image in the layout of the Open Container Initiative (image-spec 1.1), in one tar file, which
//! also carries the `manifest.json` that older versions of `docker load` ask for.

use std::io;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, Header};

use super::{Architecture, bootstrap::Bootstrap, compressing};

/// Where the program is in the image.
const PROGRAM: &str = "server";
/// Nobody's user and group.
const USER: &str = "65534:65534";

/// Where programs look for the certificates that they trust.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// An image that holds the program and the certificates that it trusts, and serves HTTP on port 8000.
pub(super) fn of(
    program: &Bootstrap,
    tag: &str,
    certificates: Option<&[u8]>,
) -> io::Result<Vec<u8>> {
    if !program.is_static {
        return Err(io::Error::other(
            "the program needs libraries, and the image holds none: link it statically, with \
             RUSTFLAGS='-C target-feature=+crt-static'",
        ));
    }
    let mut files = vec![(PROGRAM, program.bytes.as_slice(), 0o755)];
    files.extend(certificates.map(|certificates| (CERTIFICATES, certificates, 0o644)));
    let layer = tarred(&files)?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    compressing::write(&layer, &mut encoder)?;
    let compressed = encoder.finish()?;

    let architecture = match program.architecture {
        Architecture::X86_64 => "amd64",
        Architecture::Arm64 => "arm64",
    };
    let config = document(&json!({
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": USER,
            "Entrypoint": [format!("/{PROGRAM}")],
            // Not arguments, so that the same image is a function, which Lambda starts without any.
            "Env": ["MCP_LISTEN=0.0.0.0:8000"],
            "ExposedPorts": { "8000/tcp": {} },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", digest(&layer))] },
    }));
    let manifest = document(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &compressed)],
    }));
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
    entry["platform"] = json!({ "architecture": architecture, "os": "linux" });
    entry["annotations"] = json!({
        "io.containerd.image.name": tag,
        "org.opencontainers.image.ref.name": tag.rsplit_once(':').map_or("latest", |(_, tag)| tag),
    });
    let index = document(&json!({ "schemaVersion": 2, "manifests": [entry] }));
    let docker = document(&json!([{
        "Config": blob(&config),
        "RepoTags": [tag],
        "Layers": [blob(&compressed)],
    }]));
    tarred(&[
        ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#, 0o644),
        ("index.json", &index, 0o644),
        ("manifest.json", &docker, 0o644),
        (&blob(&manifest), &manifest, 0o644),
        (&blob(&config), &config, 0o644),
        (&blob(&compressed), &compressed, 0o644),
    ])
}

fn document(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn blob(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", digest(bytes))
}

fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": format!("sha256:{}", digest(bytes)), "size": bytes.len() })
}

/// Files with neither owner nor date, so that the same content makes the same tar.
fn tarred(files: &[(&str, &[u8], u32)]) -> io::Result<Vec<u8>> {
    let mut tar = Builder::new(Vec::new());
    for (path, bytes, mode) in files {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        header.set_mtime(0);
        tar.append_data(&mut header, path, *bytes)?;
    }
    tar.into_inner()
}
