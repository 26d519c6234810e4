//! A Redis that speaks TLS.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use mcp_core::sessions::{SessionRecord, SessionStore as _};
use mcp_state_redis::RedisSessionStore;
use rcgen::CertifiedKey;
use tempfile::TempDir;

const KEEP: Duration = Duration::from_secs(60);
const HANG: Duration = Duration::from_secs(60);

/// A server of its own that ends with the test.
struct Redis {
    child: Child,
    url: String,
    _folder: TempDir,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One that shows this certificate; `None` where there is no Redis, unless nothing may be left out.
fn start(certified: &CertifiedKey<rcgen::KeyPair>) -> Option<Redis> {
    if Command::new("redis-server").arg("--version").output().is_err() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "there is no redis-server: install Debian's package of that name"
        );
        eprintln!("SKIPPED: there is no redis-server; `cargo xtask test` installs it");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    fs::write(&certificate, certified.cert.pem()).unwrap();
    fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    // Redis cannot choose one by itself.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"])
        .args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"])
        .arg("--tls-cert-file")
        .arg(&certificate)
        .arg("--tls-key-file")
        .arg(&key)
        .arg("--tls-ca-cert-file")
        .arg(&certificate)
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    Some(Redis { child, url: format!("rediss://localhost:{port}/0"), _folder: folder })
}

#[tokio::test]
async fn sessions_are_kept_over_tls_where_the_authority_is_trusted() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let Some(redis) = start(&certified) else { return };
    let trusting = |pem: String| RedisSessionStore::with_ca(&redis.url, pem.as_bytes()).unwrap();
    let store = trusting(certified.cert.pem());
    let ready = async {
        while store.load("nothing").await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(HANG, ready).await.expect("Redis is not reached");
    let record = SessionRecord { initialize: "{}".into(), owner: Some("ada".into()) };
    store.save("s", &record, KEEP).await.unwrap();
    assert_eq!(store.load("s").await.unwrap(), Some(record));

    // The certificate is looked at: neither the system's authorities nor another one have signed it.
    let system = RedisSessionStore::new(&redis.url).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for store in [system, trusting(other.cert.pem())] {
        store.load("s").await.unwrap_err();
    }
}

#[tokio::test]
async fn what_is_no_certificate_is_said() {
    for (url, ca) in [
        ("rediss://localhost", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ("redis://localhost", ""),
    ] {
        let error = RedisSessionStore::with_ca(url, ca.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("rediss://"), "{error}");
    }
}
